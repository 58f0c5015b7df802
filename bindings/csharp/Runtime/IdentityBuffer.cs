using System;

namespace Wxsub
{
    /// <summary>Memory for a wxsub_identity, as bytes: see <see cref="ResultBuffer"/>.</summary>
    internal sealed class IdentityBuffer
    {
        internal const int Size = 200;

        internal const int ReservedAt = 4;
        internal const int OpenidAt = 8;
        internal const int OpenidSize = 64;
        internal const int UnionidAt = 72;
        internal const int UnionidSize = 64;
        internal const int SessionKeyAt = 136;
        internal const int SessionKeySize = 64;

        internal IdentityBuffer()
        {
            BitConverter.GetBytes((uint)Size).CopyTo(Bytes, 0);
        }

        internal byte[] Bytes { get; } = new byte[Size];

        /// <summary>The identity; its bytes are overwritten, since one part is a secret.</summary>
        internal Identity Take()
        {
            var identity = new Identity(Bytes);
            Utf8.Wipe(Bytes);
            return identity;
        }
    }
}
