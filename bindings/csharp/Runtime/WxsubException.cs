using System;

namespace Wxsub
{
    /// <summary>
    /// A verdict other than Ok, for those who asked for exceptions: thrown by <see cref="Wxsub.Result.Ensure"/> and by
    /// the constructors of <see cref="Client"/>, by nothing else.
    /// </summary>
    public sealed class WxsubException : Exception
    {
        internal WxsubException(Result result)
            : base(result.ToString())
        {
            Result = result;
        }

        /// <summary>The verdict.</summary>
        public Result Result { get; }
    }
}
