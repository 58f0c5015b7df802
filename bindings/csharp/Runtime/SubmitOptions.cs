using System;

namespace Wxsub
{
    /// <summary>Options of one submitted message; what is not set is left to the library and its configuration.</summary>
    public sealed class SubmitOptions
    {
        /// <summary>
        /// Idempotency, at most 512 bytes, as <see cref="SendOptions.Key"/>; by it the message is found again
        /// (<see cref="Client.Cancel"/>, <see cref="Client.Lookup"/>).
        /// </summary>
        public string Key { get; set; }

        /// <summary>Your own number, echoed in <see cref="Result.Tag"/> of the result and of the outcome.</summary>
        public ulong? Tag { get; set; }

        /// <summary>For each try to send this message, instead of the configured one.</summary>
        public int? TimeoutMs { get; set; }

        /// <summary>The configured rules bind it: <see cref="Status.Skipped"/> where one keeps it back.</summary>
        public bool? Rules { get; set; }

        /// <summary>
        /// True: the message is put into the store and survives a crash. The ticket's result is then Ok with
        /// <see cref="ResultFlags.Stored"/> as soon as it is on disk, which does not mean that it was sent: its verdict
        /// comes later as an outcome (<see cref="ResultFlags.Outcome"/>, ticket 0, with <see cref="Tag"/> and
        /// <see cref="Key"/>), in the process that sent it. Failures that may pass are tried again until
        /// <see cref="ExpiresAt"/>.
        /// </summary>
        public bool? Durable { get; set; }

        /// <summary>When to send it, to the millisecond; implies <see cref="Durable"/>.</summary>
        public DateTimeOffset? DeliverAt { get; set; }

        /// <summary>
        /// After that it is <see cref="Status.Expired"/> instead of late; by default 24 hours after
        /// <see cref="DeliverAt"/>, or after now.
        /// </summary>
        public DateTimeOffset? ExpiresAt { get; set; }

        /// <summary>With a key, for the store; default <see cref="Wxsub.OnConflict.Keep"/>.</summary>
        public OnConflict? OnConflict { get; set; }

        /// <summary>For the store; default <see cref="Wxsub.OnUnknown.Report"/>.</summary>
        public OnUnknown? OnUnknown { get; set; }

        /// <summary>False: neither result nor outcome is wanted, and there is no ticket. Default true.</summary>
        public bool? Notify { get; set; }

        /// <summary>The options as the library takes them.</summary>
        /// <returns>JSON, for <see cref="Client.Submit(string, string)"/>.</returns>
        public string ToJson()
        {
            return new JsonObject()
                .Add("key", Key)
                .Add("tag", Tag)
                .Add("timeout_ms", TimeoutMs)
                .Add("rules", Rules)
                .Add("durable", Durable)
                .Add("deliver_at", DeliverAt)
                .Add("expires_at", ExpiresAt)
                .Add("on_conflict", OnConflict == null ? null : OnConflict == Wxsub.OnConflict.Replace ? "replace" : "keep")
                .Add("on_unknown", OnUnknown == null ? null : OnUnknown == Wxsub.OnUnknown.Resend ? "resend" : "report")
                .Add("notify", Notify)
                .ToString();
        }
    }
}
