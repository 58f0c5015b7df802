using System;
using System.Runtime.InteropServices;

namespace Wxsub
{
    /// <summary>
    /// Memory for the results of a poll, outside the managed heap: Mono would copy an array of bytes there and back with
    /// each call, 28 KiB for an empty frame, and a call that waits would keep the array pinned. For one thread at a time.
    /// </summary>
    internal sealed class ResultMemory : SafeHandle
    {
        /// <summary>What a busy frame brings.</summary>
        internal const int Capacity = 64;

        private readonly byte[] _one = new byte[ResultBuffer.Size];

        internal ResultMemory()
            : base(IntPtr.Zero, true)
        {
            SetHandle(Marshal.AllocHGlobal(Capacity * ResultBuffer.Size));
            Marshal.WriteInt32(handle, ResultBuffer.Size);
        }

        public override bool IsInvalid => handle == IntPtr.Zero;

        /// <summary>The result at an index.</summary>
        internal Result this[int index]
        {
            get
            {
                Marshal.Copy(IntPtr.Add(handle, index * ResultBuffer.Size), _one, 0, _one.Length);
                return new Result(_one, 0);
            }
        }

        protected override bool ReleaseHandle()
        {
            Marshal.FreeHGlobal(handle);
            return true;
        }
    }
}
