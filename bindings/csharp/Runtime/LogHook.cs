using System;
using System.Collections.Generic;
using System.Threading;

namespace Wxsub
{
    /// <summary>
    /// Log lines from native code: two static functions for all clients, and a number as user data, so that nothing
    /// that the garbage collector could move or free is in native hands.
    /// </summary>
    internal static class LogHook
    {
        private static readonly Native.LogFn OnLine = Line;
        private static readonly Native.DestroyFn OnDestroy = Destroy;
        private static readonly Dictionary<int, LogHandler> Handlers = new Dictionary<int, LogHandler>();
        private static int _last;

        internal static int Set(ClientHandle client, LogHandler handler, LogLevel maxLevel)
        {
            if (handler == null)
            {
                return Native.wxsub_set_log(client, null, IntPtr.Zero, null, (int)LogLevel.Off);
            }
            int id;
            lock (Handlers)
            {
                id = ++_last;
                Handlers.Add(id, handler);
            }
            return Native.wxsub_set_log(client, OnLine, (IntPtr)id, OnDestroy, (int)maxLevel);
        }

        /// <summary>Waits until the library has let go of every handler.</summary>
        internal static void WaitUntilUnused(TimeSpan atMost)
        {
            DateTime end = DateTime.UtcNow + atMost;
            lock (Handlers)
            {
                while (Handlers.Count > 0)
                {
                    TimeSpan left = end - DateTime.UtcNow;
                    if (left <= TimeSpan.Zero || !Monitor.Wait(Handlers, left))
                    {
                        return;
                    }
                }
            }
        }

        [MonoPInvokeCallback(typeof(Native.LogFn))]
        private static void Line(IntPtr userData, int level, IntPtr message)
        {
            try
            {
                LogHandler handler;
                lock (Handlers)
                {
                    Handlers.TryGetValue((int)userData, out handler);
                }
                handler?.Invoke((LogLevel)level, Utf8.Text(message));
            }
            catch (Exception)
            {
                // It may not cross native frames, and a log line is not worth the process.
            }
        }

        [MonoPInvokeCallback(typeof(Native.DestroyFn))]
        private static void Destroy(IntPtr userData)
        {
            lock (Handlers)
            {
                Handlers.Remove((int)userData);
                Monitor.PulseAll(Handlers);
            }
        }
    }
}
