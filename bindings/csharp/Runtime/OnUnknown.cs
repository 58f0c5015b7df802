namespace Wxsub
{
    /// <summary>
    /// What becomes of a message of the store that was maybe sent, also of one whose process died while it was sending.
    /// </summary>
    public enum OnUnknown
    {
        /// <summary>It ends as <see cref="Status.Unknown"/>.</summary>
        Report,

        /// <summary>It is sent again, maybe twice.</summary>
        Resend,
    }
}
