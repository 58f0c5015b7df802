using System;
using System.Collections.Generic;

namespace Wxsub
{
    /// <summary>
    /// The handles that are open, by value: it keeps no client alive. The library knows a stale handle from an open
    /// one, so one that is freed twice does no harm.
    /// </summary>
    internal static class OpenClients
    {
        private static readonly HashSet<IntPtr> Handles = new HashSet<IntPtr>();

        internal static void Add(IntPtr handle)
        {
            lock (Handles)
            {
                Handles.Add(handle);
            }
        }

        internal static void Remove(IntPtr handle)
        {
            lock (Handles)
            {
                Handles.Remove(handle);
            }
        }

        internal static void CloseAll()
        {
            IntPtr[] open;
            lock (Handles)
            {
                open = new IntPtr[Handles.Count];
                Handles.CopyTo(open);
                Handles.Clear();
            }
            foreach (IntPtr handle in open)
            {
                Native.wxsub_free(handle);
            }
        }
    }
}
