namespace Wxsub
{
    /// <summary>How much is logged: each level includes those above it.</summary>
    public enum LogLevel
    {
        /// <summary>Nothing at all.</summary>
        Off = 0,

        /// <summary>An operator must act.</summary>
        Error = 1,

        /// <summary>Something went wrong and was dealt with.</summary>
        Warn = 2,

        /// <summary>Once-in-a-while facts, such as the store's path or a new token.</summary>
        Info = 3,

        /// <summary>Every send and every report.</summary>
        Debug = 4,
    }
}
