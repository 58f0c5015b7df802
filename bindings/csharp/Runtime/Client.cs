using System;
using System.Threading;

namespace Wxsub
{
    /// <summary>
    /// A client: one appid, one quota store. Safe to use from any number of threads at once; one per process and appid
    /// is enough. Its methods answer with a <see cref="Result"/> and throw nothing, also on null and after
    /// <see cref="Dispose"/> (<see cref="Status.State"/>); who wants exceptions calls <see cref="Result.Ensure"/>.
    /// </summary>
    public sealed partial class Client : IDisposable
    {
        private readonly ClientHandle _handle;

        /// <summary>Opens a client. No network is used; the quota store is opened, and made if it is not there.</summary>
        /// <param name="configJson">The configuration, as wxsub.h describes it at wxsub_init.</param>
        /// <exception cref="WxsubException">It can't be opened; the message says why.</exception>
        /// <exception cref="LibraryException">There is no usable native library.</exception>
        public Client(string configJson)
        {
            _handle = ClientHandle.Open(configJson, out Result why);
            why.Ensure();
        }

        /// <summary>Opens a client.</summary>
        /// <param name="config">The configuration.</param>
        /// <exception cref="WxsubException">It can't be opened; the message says why.</exception>
        /// <exception cref="LibraryException">There is no usable native library.</exception>
        public Client(Config config)
            : this(config?.ToJson())
        {
        }

        private Client(ClientHandle handle)
        {
            _handle = handle;
        }

        /// <summary>Opens a client, with a verdict instead of an exception.</summary>
        /// <param name="configJson">The configuration, as wxsub.h describes it at wxsub_init.</param>
        /// <param name="why">Ok; or Arg, Config, Store, Forked, Internal, and what to do.</param>
        /// <returns>The client; null when it can't be opened.</returns>
        /// <exception cref="LibraryException">There is no usable native library.</exception>
        public static Client Open(string configJson, out Result why)
        {
            ClientHandle handle = ClientHandle.Open(configJson, out why);
            return handle == null ? null : new Client(handle);
        }

        /// <summary>Opens a client, with a verdict instead of an exception.</summary>
        /// <param name="config">The configuration.</param>
        /// <param name="why">Ok; or Arg, Config, Store, Forked, Internal, and what to do.</param>
        /// <returns>The client; null when it can't be opened.</returns>
        /// <exception cref="LibraryException">There is no usable native library.</exception>
        public static Client Open(Config config, out Result why) => Open(config?.ToJson(), out why);

        /// <summary>
        /// Asks WeChat who a login code (wx.login in the game) belongs to, at most the configured time (5 s). A code is
        /// good once.
        /// </summary>
        /// <param name="code">The code.</param>
        /// <param name="identity">The player; null unless the result is Ok.</param>
        /// <returns>
        /// Ok; or WeChat (40029 invalid, 40163 used, 40226 blocked: let the game call wx.login again), Busy, Auth,
        /// Config (no secret), Connect (no answer; the code may be used up), Cancelled, Arg, State, Forked.
        /// </returns>
        public Result Login(string code, out Identity identity)
        {
            var player = new IdentityBuffer();
            var why = new ResultBuffer();
            int status = Native.wxsub_login(_handle, Utf8.Bytes(code), player.Bytes, why.Bytes);
            identity = status == (int)Status.Ok ? player.Take() : null;
            return why[0];
        }

        /// <summary>
        /// Hands in an access token, for a client with "token": "external". It takes effect at once, also for other
        /// processes on the same store.
        /// </summary>
        /// <param name="accessToken">The token.</param>
        /// <param name="expiresInSeconds">Seconds it is still good for; not 0.</param>
        /// <returns>Ok; or Arg (also when the client gets its own tokens), State, Forked.</returns>
        public Result SetToken(string accessToken, uint expiresInSeconds)
        {
            byte[] token = Utf8.Bytes(accessToken);
            int status = Native.wxsub_set_token(_handle, token, expiresInSeconds);
            Utf8.Wipe(token);
            return new Result(status);
        }

        /// <summary>
        /// Sets where log lines go; without it they go nowhere. Lines written since the client was opened come at once.
        /// A handler that refers to its client keeps it from being collected until <see cref="Dispose"/>.
        /// </summary>
        /// <param name="handler">Takes the lines, from any thread; null turns logging off.</param>
        /// <param name="maxLevel">How much to log.</param>
        /// <returns>Ok; or State, Forked.</returns>
        public Result SetLog(LogHandler handler, LogLevel maxLevel = LogLevel.Info)
        {
            return new Result(LogHook.Set(_handle, handler, maxLevel));
        }

        /// <summary>
        /// Ends the client's work before <see cref="Dispose"/>: takes in nothing more (all methods but
        /// <see cref="Poll"/>, <see cref="GetStats"/> and <see cref="SetLog"/> answer <see cref="Status.State"/>), lets
        /// what was submitted and what runs end, and interrupts the rest when the time is over. Every ticket then has its
        /// result: <see cref="Status.Cancelled"/>, if it was not begun. Messages in the store stay for the next start.
        /// Poll what is left, then dispose.
        /// </summary>
        /// <param name="drainMs">How long it may take, in milliseconds; -1: as long as it takes.</param>
        /// <param name="unfinished">How many tickets and calls did not end in time; 0 when it was called before.</param>
        /// <returns>Ok; or State, Forked.</returns>
        public Result Shutdown(int drainMs, out long unfinished)
        {
            var result = new Result(Native.wxsub_shutdown(_handle, unchecked((uint)drainMs), out UIntPtr left));
            unfinished = result.IsOk ? (long)left : 0;
            return result;
        }

        /// <summary>
        /// Closes the client. New calls get <see cref="Status.State"/> at once; running ones may finish within their
        /// deadline, but after about a second they are interrupted, and so is what was submitted: its results are gone,
        /// unless <see cref="Shutdown"/> was called and they were polled. Messages in the store stay for the next start.
        /// A second call does nothing.
        /// </summary>
        public void Dispose()
        {
            _handle.Free();
            Interlocked.Exchange(ref _polled, null)?.Dispose();
        }
    }
}
