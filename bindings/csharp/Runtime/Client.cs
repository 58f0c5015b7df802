using System;

namespace Wxsub
{
    /// <summary>
    /// A client: one appid, one quota store. Safe to use from any number of threads at once; one per process and appid
    /// is enough. Its methods answer with a <see cref="Result"/> and throw nothing, also on null and after
    /// <see cref="Dispose"/> (<see cref="Status.State"/>); who wants exceptions calls <see cref="Result.Ensure"/>.
    /// </summary>
    public sealed class Client : IDisposable
    {
        /// <summary>
        /// A player's object has a handful of entries. The object comes from a player's machine, though, and memory for
        /// results must not grow with whatever is sent.
        /// </summary>
        private const int MostResults = 1024;

        /// <summary>Enough for the reply to an event.</summary>
        private const int LeastReply = 64;

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
        /// Tells what a player answered for one template. When the result is Ok, an accept is on disk (a few
        /// milliseconds). System types ("SYS_MSG_TYPE_...") are remembered as on or off and never counted.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">
        /// The template; null with <see cref="Answer.Reject"/>: every template of this player (the main switch is off).
        /// </param>
        /// <param name="answer">The answer.</param>
        /// <param name="key">
        /// An id of this one answer, at most 512 bytes: a second report with it changes nothing and answers as the
        /// first did. Give one whenever your own retry could repeat the call. Null for none.
        /// </param>
        /// <returns>Ok with the count now in <see cref="Result.Remaining"/>; or Arg, State, Forked, Store.</returns>
        public Result Report(string openid, string templateId, Answer answer, string key = null)
        {
            var result = new ResultBuffer();
            Native.wxsub_report(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(templateId), (int)answer, Utf8.Bytes(key), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Tells what a player's game client got from WeChat, untouched: the object of wx.requestSubscribeMessage,
        /// wx.requestSubscribeSystemMessage or wx.getSetting({withSubscriptions: true}).
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="json">The object, as JSON.</param>
        /// <param name="key">As in <see cref="Report"/>, for each template of its own.</param>
        /// <returns>
        /// One result per template, in the object's own order, none if the object answers for none; each is a verdict
        /// of its own. When nothing was changed at all (Arg, State, Forked, Store): one result that says why. All
        /// entries are applied, but results beyond 1024 are not handed back.
        /// </returns>
        public Result[] ReportJson(string openid, string json, string key = null)
        {
            var results = new ResultBuffer(MostEntries(json));
            int status = Native.wxsub_report_json(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(json), Utf8.Bytes(key),
                results.Bytes, (UIntPtr)results.Capacity, out UIntPtr count);
            ulong there = status == (int)Status.Ok ? (ulong)count : 1;
            return results.Take((int)Math.Min(there, (ulong)results.Capacity));
        }

        /// <summary>Asks how many messages a player still allows from a template; for a system type 1 or 0.</summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">The template.</param>
        /// <returns>Ok with the count in <see cref="Result.Remaining"/>; or Arg, State, Forked, Store.</returns>
        public Result Quota(string openid, string templateId)
        {
            var why = new ResultBuffer();
            Native.wxsub_quota(_handle, Utf8.Bytes(openid), Utf8.Bytes(templateId), out _, why.Bytes);
            return why[0];
        }

        /// <summary>
        /// Sends one message and waits for the verdict, at most the configured time (5 s): not from a game loop's
        /// thread. wxsub.h says at wxsub_send what to do on each verdict.
        /// </summary>
        /// <param name="messageJson">WeChat's own request body.</param>
        /// <param name="optionsJson">{"key", "tag", "timeout_ms"}, or null.</param>
        /// <returns>The verdict.</returns>
        public Result Send(string messageJson, string optionsJson = null)
        {
            var result = new ResultBuffer();
            Native.wxsub_send(_handle, Utf8.Bytes(messageJson), Utf8.Bytes(optionsJson), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Sends one message and waits for the verdict, at most the configured time (5 s): not from a game loop's
        /// thread. wxsub.h says at wxsub_send what to do on each verdict.
        /// </summary>
        /// <param name="message">The message.</param>
        /// <param name="options">Options, or null.</param>
        /// <returns>The verdict.</returns>
        public Result Send(Message message, SendOptions options = null)
        {
            return Send(message?.ToJson(), options?.ToJson());
        }

        /// <summary>
        /// Verifies and applies what WeChat pushed to the server's own HTTP endpoint: popup answers, refusals in the
        /// settings and results of sends go into the count, each once, however often WeChat pushes it. Everything else
        /// is left alone. Needs <see cref="Config.EventToken"/>. May wait up to 4 s for a send to the same player that
        /// runs.
        /// </summary>
        /// <param name="query">The request's raw query string, with or without its question mark.</param>
        /// <param name="body">The raw body; null or empty for the check of the address (a GET).</param>
        /// <param name="reply">What to send back as the response's body; empty unless the result is Ok.</param>
        /// <returns>
        /// Ok: answer HTTP 200 with the reply; with one part in the event, the result tells what it did. Signature: not
        /// WeChat's, nothing was changed, answer 403. Store, Busy: answer 500, so that WeChat pushes again. Or Config,
        /// Arg, State, Forked.
        /// </returns>
        public Result HandleEvent(string query, byte[] body, out string reply)
        {
            byte[] question = Utf8.Bytes(query);
            // A reply is "success", or a part of the query.
            var answer = new byte[Math.Max(question?.Length ?? 0, LeastReply)];
            var result = new ResultBuffer();
            Native.wxsub_handle_event(
                _handle, question, body, (UIntPtr)(body?.Length ?? 0),
                answer, (UIntPtr)answer.Length, out UIntPtr length, result.Bytes);
            reply = Utf8.Text(answer, length);
            return result[0];
        }

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
        /// Tells an operator in words whether it will work: store, network, clock, appid, secret, IP (and which one to
        /// allow), templates. At most the configured time (5 s); sends nothing.
        /// </summary>
        /// <returns>
        /// Its <see cref="Result.Message"/> tells all, its status is that of the first thing that is wrong. The log
        /// (<see cref="LogLevel.Info"/>) has the whole text, should it be longer than a message.
        /// </returns>
        public Result Check()
        {
            var result = new ResultBuffer();
            Native.wxsub_check(_handle, result.Bytes);
            return result[0];
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
        /// Closes the client. New calls get <see cref="Status.State"/> at once; running ones may finish within their
        /// deadline, but after about a second they are interrupted. A second call does nothing.
        /// </summary>
        public void Dispose() => _handle.Free();

        /// <summary>No object has more entries than colons; at least one, for the reason of a failure.</summary>
        private static int MostEntries(string json)
        {
            int colons = 0;
            for (int i = 0; json != null && i < json.Length && colons < MostResults; i++)
            {
                if (json[i] == ':')
                {
                    colons++;
                }
            }
            return Math.Max(colons, 1);
        }
    }
}
