using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Wxsub
{
    /// <summary>
    /// A native client. As a SafeHandle it is counted around each call, so the garbage collector never frees it under
    /// a running one.
    /// </summary>
    internal sealed class ClientHandle : SafeHandle
    {
        private int _freed;

        private ClientHandle()
            : base(IntPtr.Zero, true)
        {
        }

        public override bool IsInvalid => handle == IntPtr.Zero;

        /// <summary>Opens a client; null if that fails.</summary>
        internal static ClientHandle Open(string configJson, out Result why)
        {
            Library.Check();
            var opened = new ClientHandle();
            var result = new ResultBuffer();
            byte[] config = Utf8.Bytes(configJson);
            Native.wxsub_init(config, out IntPtr client, result.Bytes);
            Utf8.Wipe(config);
            why = result[0];
            if (!why.IsOk)
            {
                return null;
            }
            opened.SetHandle(client);
            OpenClients.Add(client);
            return opened;
        }

        /// <summary>
        /// Frees the client now, also while calls run: the library interrupts them. The handle's value stays, and the
        /// library answers every later call with it as one on a closed client.
        /// </summary>
        internal void Free()
        {
            if (Interlocked.Exchange(ref _freed, 1) == 0)
            {
                OpenClients.Remove(handle);
                Native.wxsub_free(handle);
            }
        }

        protected override bool ReleaseHandle()
        {
            Free();
            return true;
        }
    }
}
