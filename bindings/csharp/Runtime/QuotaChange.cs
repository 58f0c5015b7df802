namespace Wxsub
{
    /// <summary>What a call did to the player's count.</summary>
    public enum QuotaChange
    {
        /// <summary>The count was not touched.</summary>
        Untouched = 0,

        /// <summary>One unit was spent.</summary>
        Spent = 1,

        /// <summary>A unit was held and given back.</summary>
        Returned = 2,

        /// <summary>The player allows nothing (more).</summary>
        Cleared = 3,

        /// <summary>One more message is allowed, or a system type was switched on.</summary>
        Granted = 4,
    }
}
