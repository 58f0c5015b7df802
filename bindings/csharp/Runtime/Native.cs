using System;
using System.Runtime.InteropServices;

namespace Wxsub
{
    /// <summary>
    /// The functions of wxsub.h. Strings are NUL-terminated UTF-8 in a byte[] (<see cref="Utf8"/>), structs are byte[]
    /// (<see cref="ResultBuffer"/>, <see cref="IdentityBuffer"/>, <see cref="StatsBuffer"/>): arrays of bytes are passed as
    /// they are, on every runtime. Mono copies those that native code writes to, so what is called in each frame gets
    /// memory that is native already (<see cref="ResultMemory"/>).
    /// </summary>
    internal static class Native
    {
        /// <summary>libwxsub.so, wxsub.dll or libwxsub.dylib: the runtime completes the name.</summary>
        private const string Library = "wxsub";

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void LogFn(IntPtr userData, int level, IntPtr message);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        internal delegate void DestroyFn(IntPtr userData);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern uint wxsub_abi();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern IntPtr wxsub_version();

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern IntPtr wxsub_status_name(int status);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_init(byte[] configJson, out IntPtr client, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_set_log(
            ClientHandle client, LogFn log, IntPtr userData, DestroyFn destroy, int maxLevel);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_shutdown(ClientHandle client, uint drainMs, out UIntPtr unfinished);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern void wxsub_free(IntPtr client);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_report(
            ClientHandle client, byte[] openid, byte[] templateId, int answer, byte[] key, [In, Out] byte[] result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_report_json(
            ClientHandle client, byte[] openid, byte[] json, byte[] key,
            [In, Out] byte[] results, UIntPtr capacity, out UIntPtr count);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_quota(
            ClientHandle client, byte[] openid, byte[] templateId, out long remaining, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_send(
            ClientHandle client, byte[] messageJson, byte[] optionsJson, [In, Out] byte[] result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_set_token(ClientHandle client, byte[] accessToken, uint expiresInSeconds);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_submit(
            ClientHandle client, byte[] messageJson, byte[] optionsJson, out ulong ticket, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_submit_report(
            ClientHandle client, byte[] openid, byte[] templateId, int answer, byte[] key, ulong tag,
            out ulong ticket, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_poll(
            ClientHandle client, ResultMemory results, UIntPtr capacity, uint waitMs, out UIntPtr count);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_cancel(
            ClientHandle client, byte[] openid, byte[] key, [In, Out] byte[] result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_lookup(
            ClientHandle client, byte[] openid, byte[] key, [In, Out] byte[] result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_handle_event(
            ClientHandle client, byte[] query, byte[] body, UIntPtr bodyLength,
            [In, Out] byte[] reply, UIntPtr replyCapacity, out UIntPtr replyLength, [In, Out] byte[] result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_open_event(
            ClientHandle client, byte[] query, byte[] body, UIntPtr bodyLength,
            [In, Out] byte[] plain, UIntPtr capacity, out UIntPtr plainLength, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_admin(
            ClientHandle client, byte[] requestJson,
            [In, Out] byte[] reply, UIntPtr capacity, out UIntPtr replyLength, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_ask(
            ClientHandle client, byte[] openid, byte[] request,
            [In, Out] byte[] reply, UIntPtr capacity, out UIntPtr replyLength, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_login(
            ClientHandle client, byte[] code, [In, Out] byte[] identity, [In, Out] byte[] why);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_check(ClientHandle client, [In, Out] byte[] result);

        [DllImport(Library, CallingConvention = CallingConvention.Cdecl, ExactSpelling = true)]
        internal static extern int wxsub_get_stats(ClientHandle client, [In, Out] byte[] stats);
    }
}
