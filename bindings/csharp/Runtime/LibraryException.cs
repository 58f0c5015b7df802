using System;

namespace Wxsub
{
    /// <summary>
    /// The native library can't be used: it is not there, it is for another machine, or it is older than this wrapper.
    /// A mistake of the installation, thrown where a client is opened; the message says what to do.
    /// </summary>
    public sealed class LibraryException : Exception
    {
        internal LibraryException(string message, Exception cause = null)
            : base(message, cause)
        {
        }
    }
}
