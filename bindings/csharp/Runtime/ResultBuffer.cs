using System;

namespace Wxsub
{
    /// <summary>
    /// Memory for one or more wxsub_result, as bytes: the layout is fixed and the same on 32 and 64 bit, so it needs
    /// neither a marshalled struct nor unsafe code. The library copies into it and asks for no alignment.
    /// </summary>
    internal sealed class ResultBuffer
    {
        internal const int Size = 448;

        internal const int StatusAt = 4;
        internal const int ErrcodeAt = 8;
        internal const int HttpStatusAt = 12;
        internal const int RetryAt = 16;
        internal const int QuotaAt = 20;
        internal const int RemainingAt = 24;
        internal const int MsgIdAt = 32;
        internal const int TicketAt = 40;
        internal const int TagAt = 48;
        internal const int AttemptsAt = 56;
        internal const int ElapsedMsAt = 60;
        internal const int RetryAfterMsAt = 64;
        internal const int FlagsAt = 68;
        internal const int TemplateIdAt = 72;
        internal const int TemplateIdSize = 64;
        internal const int KeyAt = 136;
        internal const int KeySize = 64;
        internal const int MessageAt = 200;
        internal const int MessageSize = 248;

        private static readonly byte[] StructSize = BitConverter.GetBytes((uint)Size);

        internal ResultBuffer(int capacity = 1)
        {
            Capacity = capacity;
            Bytes = new byte[capacity * Size];
            for (int i = 0; i < capacity; i++)
            {
                Buffer.BlockCopy(StructSize, 0, Bytes, i * Size, StructSize.Length);
            }
        }

        internal int Capacity { get; }

        internal byte[] Bytes { get; }

        /// <summary>The result at an index.</summary>
        internal Result this[int index] => new Result(Bytes, index * Size);

        /// <summary>The first <paramref name="count"/> results.</summary>
        internal Result[] Take(int count)
        {
            var results = new Result[count];
            for (int i = 0; i < count; i++)
            {
                results[i] = this[i];
            }
            return results;
        }
    }
}
