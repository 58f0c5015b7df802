namespace Wxsub
{
    /// <summary>Whether the same call is worth making again.</summary>
    public enum Retry
    {
        /// <summary>The same call would end the same way.</summary>
        Never = 0,

        /// <summary>
        /// Nothing was sent; the same call may work later, not before <see cref="Result.RetryAfterMs"/>.
        /// </summary>
        Later = 1,

        /// <summary>It may have been sent; the same call may send it twice.</summary>
        Unsafe = 2,
    }
}
