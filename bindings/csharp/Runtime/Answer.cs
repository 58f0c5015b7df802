namespace Wxsub
{
    /// <summary>What a player answered for one template.</summary>
    public enum Answer
    {
        /// <summary>One more message from this template.</summary>
        Accept = 1,

        /// <summary>The count goes to 0.</summary>
        Reject = 2,

        /// <summary>The platform's doing: changes nothing.</summary>
        Ban = 3,

        /// <summary>The platform's doing: changes nothing.</summary>
        Filter = 4,
    }
}
