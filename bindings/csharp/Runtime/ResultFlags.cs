using System;

namespace Wxsub
{
    /// <summary>What else is to be said of a result.</summary>
    [Flags]
    public enum ResultFlags
    {
        /// <summary>Nothing.</summary>
        None = 0,

        /// <summary>This is an earlier call's answer, found by its key. This call changed nothing.</summary>
        Replayed = 1,

        /// <summary>A durable message is on disk; its verdict comes later.</summary>
        Stored = 2,

        /// <summary>The late verdict of a durable message.</summary>
        Outcome = 4,

        /// <summary>A pushed message of another kind than subscribe events: the answer is the server's.</summary>
        NotOurs = 8,
    }
}
