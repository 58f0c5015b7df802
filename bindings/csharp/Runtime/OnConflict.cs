namespace Wxsub
{
    /// <summary>What becomes of a message for the store when another one with its key waits there.</summary>
    public enum OnConflict
    {
        /// <summary>
        /// The one that waits stays, and the result says Ok with <see cref="ResultFlags.Stored"/> and
        /// <see cref="ResultFlags.Replayed"/>.
        /// </summary>
        Keep,

        /// <summary>This one takes its place; <see cref="Status.TooLate"/> when that is being sent.</summary>
        Replace,
    }
}
