namespace Wxsub
{
    /// <summary>
    /// A verdict. A number that this enum does not name (from a newer library) is kept as it is: treat an unknown
    /// positive one as an internal error.
    /// </summary>
    public enum Status
    {
        /// <summary>Done.</summary>
        Ok = 0,

        /// <summary>Null, not UTF-8, not JSON: the call is wrong. Nothing was done.</summary>
        Arg = 1,

        /// <summary>The configuration is wrong; the message names the key (and the nearest known one).</summary>
        Config = 2,

        /// <summary>The message breaks a template rule, here or at WeChat: fix it, don't retry.</summary>
        Message = 3,

        /// <summary>The client is disposed, or closing.</summary>
        State = 4,

        /// <summary>Used in a child of fork(): open the client after the fork, in the process that sends.</summary>
        Forked = 5,

        /// <summary>The count is 0: nothing was sent, WeChat was not called. The player must accept again.</summary>
        NoQuota = 20,

        /// <summary>WeChat says the player does not allow it (43101); the count is cleared.</summary>
        Refused = 21,

        /// <summary>The queue is full: try again next tick.</summary>
        QueueFull = 22,

        /// <summary>WeChat or this player is busy or over a limit, after the library's own retries.</summary>
        Busy = 23,

        /// <summary>appid, secret, token or IP list: an operator must act.</summary>
        Auth = 24,

        /// <summary>The capability or the template is banned (43107).</summary>
        Banned = 25,

        /// <summary>Any other errcode of WeChat's.</summary>
        WeChat = 26,

        /// <summary>A pushed event is not WeChat's.</summary>
        Signature = 27,

        /// <summary>Failed before the request left: surely not sent.</summary>
        Connect = 40,

        /// <summary>
        /// The request left and no readable answer came: maybe sent. The library does not send it again by itself.
        /// </summary>
        Unknown = 41,

        /// <summary>Cancelled or shut down before sending.</summary>
        Cancelled = 42,

        /// <summary>Its time was over before it could be sent.</summary>
        Expired = 43,

        /// <summary>No such key.</summary>
        NotFound = 44,

        /// <summary>Already being sent, or sent.</summary>
        TooLate = 45,

        /// <summary>A rule of the configuration kept it from being sent: surely not sent.</summary>
        Skipped = 46,

        /// <summary>The quota store failed: disk full, locked too long, not ours. Nothing was changed, unless the retry is Unsafe.</summary>
        Store = 60,

        /// <summary>A bug of the library's, caught; the client still works.</summary>
        Panic = 61,

        /// <summary>Anything else of the library's.</summary>
        Internal = 62,
    }
}
