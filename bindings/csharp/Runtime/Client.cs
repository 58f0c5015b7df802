using System;
using System.Threading;

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

        /// <summary>Taken by the thread that polls, and put back; so that no frame makes garbage.</summary>
        private ResultMemory _polled;

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
        /// Copies a message and returns at once; threads of the library send it. For a game loop: it waits for neither
        /// network nor disk. Every ticket gets exactly one result from <see cref="Poll"/>, whatever happens, but for
        /// <see cref="Dispose"/>. Messages and reports for one player are worked on in the order in which they were
        /// submitted.
        /// </summary>
        /// <param name="messageJson">WeChat's own request body.</param>
        /// <param name="optionsJson">As wxsub.h describes them at wxsub_submit, or null.</param>
        /// <returns>
        /// Ok with <see cref="Result.Ticket"/> (0 if no result is wanted); QueueFull: poll, and try again in the next
        /// frame; or Arg (no JSON, no player, an unknown option), State, Forked. All other faults come as the ticket's
        /// result.
        /// </returns>
        public Result Submit(string messageJson, string optionsJson = null)
        {
            var why = new ResultBuffer();
            Native.wxsub_submit(_handle, Utf8.Bytes(messageJson), Utf8.Bytes(optionsJson), out _, why.Bytes);
            return why[0];
        }

        /// <summary>As <see cref="Submit(string, string)"/>.</summary>
        /// <param name="message">The message; it may be used again afterwards.</param>
        /// <param name="options">Options, or null.</param>
        /// <returns>Ok with <see cref="Result.Ticket"/>; or QueueFull, Arg, State, Forked.</returns>
        public Result Submit(Message message, SubmitOptions options = null)
        {
            return Submit(message?.ToJson(), options?.ToJson());
        }

        /// <summary>
        /// As <see cref="Report"/>, without waiting for the disk: that is too long for a frame. The accept is on disk
        /// when its ticket's result is Ok, not before.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">The template, as in <see cref="Report"/>.</param>
        /// <param name="answer">The answer.</param>
        /// <param name="key">As in <see cref="Report"/>.</param>
        /// <param name="tag">Your own number, echoed in <see cref="Result.Tag"/>.</param>
        /// <returns>Ok with <see cref="Result.Ticket"/>; or QueueFull, Arg, State, Forked.</returns>
        public Result SubmitReport(string openid, string templateId, Answer answer, string key = null, ulong tag = 0)
        {
            var why = new ResultBuffer();
            Native.wxsub_submit_report(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(templateId), (int)answer, Utf8.Bytes(key), tag, out _, why.Bytes);
            return why[0];
        }

        /// <summary>
        /// Takes finished results: those of tickets, and outcomes of durable messages. When there is none it allocates
        /// nothing (but for the first call), so that it can be called in every frame with the same array. Several
        /// threads may poll; each result goes to one of them. Works on after <see cref="Shutdown"/>.
        /// </summary>
        /// <param name="results">Filled from the beginning; what is behind <paramref name="count"/> is left as it is.</param>
        /// <param name="count">How many were put there. As many as fit: there may be more.</param>
        /// <param name="waitMs">
        /// 0: never waits. Else so many milliseconds for the first result; -1: until there is one or the client is closed.
        /// </param>
        /// <returns>Ok, also for none; or Arg (no array, or an empty one), State, Forked.</returns>
        public Status Poll(Result[] results, out int count, int waitMs = 0)
        {
            count = 0;
            if (results == null || results.Length == 0)
            {
                return Status.Arg;
            }
            // Another thread that waits in here has taken it along.
            ResultMemory memory = Interlocked.Exchange(ref _polled, null) ?? new ResultMemory();
            var status = Status.Ok;
            int taken = ResultMemory.Capacity;
            while (taken == ResultMemory.Capacity && count < results.Length)
            {
                int most = Math.Min(ResultMemory.Capacity, results.Length - count);
                uint wait = count == 0 ? unchecked((uint)waitMs) : 0;
                status = (Status)Native.wxsub_poll(_handle, memory, (UIntPtr)most, wait, out UIntPtr written);
                taken = status == Status.Ok ? (int)written : 0;
                for (int i = 0; i < taken; i++)
                {
                    results[count++] = memory[i];
                }
            }
            Interlocked.Exchange(ref _polled, memory)?.Dispose();
            return count > 0 ? Status.Ok : status;
        }

        /// <summary>
        /// Takes a message back that was submitted with a key and waits, in the queue or in the store, also another
        /// process's. When this says Ok it is on disk that it will not be sent. Waits for the disk only. A ticket that
        /// has no result yet gets <see cref="Status.Cancelled"/>; for a stored message no outcome comes.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="key">The message's key.</param>
        /// <returns>
        /// Ok; TooLate: it is being sent, or was sent or maybe sent; NotFound: nothing waits with this key; or Arg,
        /// State, Forked, Store.
        /// </returns>
        public Result Cancel(string openid, string key)
        {
            var result = new ResultBuffer();
            Native.wxsub_cancel(_handle, Utf8.Bytes(openid), Utf8.Bytes(key), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Tells what became of a message with a key, whichever process sent it and by whichever method, until 24 hours
        /// after its end. Waits for the disk only.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="key">The message's key.</param>
        /// <returns>
        /// The verdict with which it ended, with <see cref="ResultFlags.Replayed"/>; Ok with
        /// <see cref="ResultFlags.Stored"/> while it waits in the store (<see cref="Result.RetryAfterMs"/>: until it is
        /// due); Busy while it is in this process's queue or being sent; NotFound; or Arg, State, Forked, Store.
        /// </returns>
        public Result Lookup(string openid, string key)
        {
            var result = new ResultBuffer();
            Native.wxsub_lookup(_handle, Utf8.Bytes(openid), Utf8.Bytes(key), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Verifies and applies what WeChat pushed to the server's own HTTP endpoint: popup answers, refusals in the
        /// settings and results of sends go into the count, each once, however often WeChat pushes it. What is about
        /// other things is the server's to answer: <see cref="ResultFlags.NotOurs"/>, and <see cref="OpenEvent"/> has its
        /// text. Without <see cref="Config.EventAesKey"/> nothing signs the bodies: only accepts are taken. Needs
        /// <see cref="Config.EventToken"/>. May wait up to 4 s for a send to the same player that runs.
        /// </summary>
        /// <param name="query">The request's raw query string, with or without its question mark.</param>
        /// <param name="body">The raw body; null or empty for the check of the address (a GET).</param>
        /// <param name="reply">
        /// What to send back as the response's body; empty unless the result is Ok, and with NotOurs.
        /// </param>
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
        /// Verifies and decrypts what WeChat pushed, of any kind, and applies nothing: for messages that are
        /// <see cref="ResultFlags.NotOurs"/>. May be called before or after <see cref="HandleEvent"/>.
        /// </summary>
        /// <param name="query">The request's raw query string, with or without its question mark.</param>
        /// <param name="body">The raw body.</param>
        /// <param name="plain">
        /// The message as WeChat wrote it, XML or JSON in UTF-8; empty unless the result is Ok. In plain mode it may be
        /// anybody's: nothing signs it.
        /// </param>
        /// <returns>
        /// Ok; Signature: not WeChat's, answer 403. Store: answer 500, so that WeChat pushes again. Or Config, Arg, State,
        /// Forked.
        /// </returns>
        public Result OpenEvent(string query, byte[] body, out byte[] plain)
        {
            // A message is never longer than the body that carries it.
            var message = new byte[(body?.Length ?? 0) + 1];
            var why = new ResultBuffer();
            Native.wxsub_open_event(
                _handle, Utf8.Bytes(query), body, (UIntPtr)(body?.Length ?? 0),
                message, (UIntPtr)message.Length, out UIntPtr length, why.Bytes);
            Result result = why[0];
            Array.Resize(ref message, result.IsOk ? (int)length : 0);
            plain = message;
            return result;
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

        /// <summary>Tells what the client has done since it was opened, and what waits now.</summary>
        /// <param name="stats">The numbers; all 0 unless the result is Ok.</param>
        /// <returns>Ok, also after <see cref="Shutdown"/>; or State, Forked, Store.</returns>
        public Result GetStats(out Stats stats)
        {
            var buffer = new StatsBuffer();
            var result = new Result(Native.wxsub_get_stats(_handle, buffer.Bytes));
            stats = result.IsOk ? new Stats(buffer.Bytes) : default(Stats);
            return result;
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
