using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace WxsubClient
{
    /// <summary>
    /// Asks the player and carries each answer to the game's server. One for the whole game, on Unity's main thread.
    /// </summary>
    /// <remarks>
    /// No method throws, and no task is ever faulted: what went wrong is in the result. A task is completed in WeChat's
    /// callback.
    /// </remarks>
    public sealed class Subscriber
    {
        /// <summary>More in one call is 20003; base libraries before 2.8.4 take one.</summary>
        private const int MostIds = 3;
        private const int LongestId = 128;

        /// <summary>The server takes at most 64 entries in an object.</summary>
        private const int MostSettings = 50;

        /// <summary>A call that WeChat never answers holds up the next one for as many seconds.</summary>
        private const double Unanswered = 60;

        private readonly IWeChat _weChat;
        private readonly Outbox _outbox;
        private readonly Timers _timers = new Timers();
        private object _call;
        private bool? _mainSwitch;
        private IDictionary<string, string> _kept = new Dictionary<string, string>();

        /// <summary>Begins with what an earlier start of the game left in the storage.</summary>
        /// <param name="report">
        /// Sends one report to the game's server and calls back, on the main thread, when the server answered: with true
        /// if the server has it (or will never want it), and it is removed; with false, or without a call within 30
        /// seconds, it is tried again after a growing pause, and the ones behind it wait.
        /// </param>
        /// <param name="weChat">Default: <see cref="WeChatSdk"/>.</param>
        /// <param name="key">The storage's key.</param>
        /// <param name="onError">Gets what no task tells: a report that failed, a storage that does not work.</param>
        /// <exception cref="ArgumentNullException">There is no report.</exception>
        public Subscriber(
            Action<Report, Action<bool>> report,
            IWeChat weChat = null,
            string key = "wxsub.answers",
            Action<Exception> onError = null)
        {
            if (report == null)
            {
                throw new ArgumentNullException(nameof(report));
            }
            _weChat = weChat ?? new WeChatSdk();
            _outbox = new Outbox(_weChat, key, report, error => Tell(onError, error), _timers);
        }

        /// <summary>How many answers the server does not have yet.</summary>
        public int Pending => _outbox.Count;

        /// <summary>
        /// Call it in every frame with Time.realtimeSinceStartup: retries and timeouts run here. Reports begin without it.
        /// </summary>
        /// <param name="seconds">Seconds since the start, by a clock that only goes forward.</param>
        public void Update(double seconds) => _timers.Update(seconds);

        /// <summary>
        /// Opens WeChat's dialog. WeChat allows it in WX.OnTouchEnd only; from a button of Unity's UI use
        /// <see cref="AskAtTouchEnd"/>. Of more than three ids the first three are asked, in the order of the server's
        /// plan; base libraries before 2.8.4 ask one.
        /// </summary>
        /// <param name="templateIds">Template ids.</param>
        /// <returns>The player's answer, or why there is none.</returns>
        public Task<AskResult> Ask(params string[] templateIds)
        {
            string[] ids = Clean(templateIds, id => !IsSystemType(id));
            if (ids != null && !IsSince("2.8.4"))
            {
                ids = ids.Take(1).ToArray();
            }
            return Request("ask", "2.4.4", ids, _weChat.RequestSubscribeMessage);
        }

        /// <summary>
        /// The same at the end of the touch that is going on: call it when the button goes down (OnPointerDown), since
        /// Unity tells a click a frame after WeChat's touch end.
        /// </summary>
        /// <param name="templateIds">Template ids.</param>
        /// <returns>The player's answer, or why there is none.</returns>
        public Task<AskResult> AskAtTouchEnd(params string[] templateIds)
        {
            var asked = new TaskCompletionSource<AskResult>();
            try
            {
                _weChat.AtTouchEnd(() => Ask(templateIds).ContinueWith(
                    task => asked.SetResult(task.Result), TaskContinuationOptions.ExecuteSynchronously));
            }
            catch (Exception e)
            {
                asked.SetResult(new AskResult(SubscribeError.FromWeChat(0, e.Message), null));
            }
            return asked.Task;
        }

        /// <summary>
        /// As <see cref="Ask"/>, for system types (SYS_MSG_TYPE_INTERACTIVE, SYS_MSG_TYPE_RANK, SYS_MSG_TYPE_WHATS_NEW),
        /// which WeChat sends by itself. WHATS_NEW is left out where the base library is older than 2.32.1.
        /// </summary>
        /// <param name="types">System types.</param>
        /// <returns>The player's answer, or why there is none.</returns>
        public Task<AskResult> AskSystem(params string[] types)
        {
            string[] ids = Clean(types, IsSystemType);
            bool isWanted = ids != null && ids.Length > 0;
            if (ids != null && !IsSince("2.32.1"))
            {
                ids = ids.Where(id => id != "SYS_MSG_TYPE_WHATS_NEW").ToArray();
            }
            string since = isWanted && ids.Length == 0 ? "2.32.1" : "2.9.4";
            return Request("system", since, ids, _weChat.RequestSubscribeSystemMessage);
        }

        /// <summary>
        /// Call it after login: reports what is not yet reported, and what the player switched off in WeChat's settings.
        /// </summary>
        /// <returns>The settings, or why they can't be read; the reports go on all the same.</returns>
        public Task<SyncResult> Sync()
        {
            _outbox.Flush();
            var synced = new TaskCompletionSource<SyncResult>();
            Action<SubscribeError> done = error => synced.TrySetResult(new SyncResult(error, _mainSwitch, Pending));
            if (!IsSince("2.10.1"))
            {
                done(null);
                return synced.Task;
            }
            try
            {
                _weChat.GetSetting(
                    (mainSwitch, items) =>
                    {
                        KeepSetting(mainSwitch, items);
                        done(null);
                    },
                    errMsg => done(SubscribeError.FromWeChat(0, errMsg)));
            }
            catch (Exception e)
            {
                done(SubscribeError.FromWeChat(0, e.Message));
            }
            return synced.Task;
        }

        /// <summary>
        /// Whether the player ticked "always keep this choice" with accept for all of these, as of the last
        /// <see cref="Sync"/>: a call of <see cref="Ask"/>, still in a touch end, then shows no dialog and grants one
        /// message each.
        /// </summary>
        /// <param name="ids">Template ids or system types.</param>
        /// <returns>True if no dialog will show.</returns>
        public bool CanAskSilently(params string[] ids)
        {
            return _mainSwitch == true && ids != null && ids.Length > 0
                && ids.All(id => id != null && _kept.TryGetValue(id, out string choice) && choice == "accept");
        }

        private static bool IsSystemType(string id) => id.StartsWith("SYS_MSG_TYPE_", StringComparison.Ordinal);

        private static void Tell(Action<Exception> onError, Exception error)
        {
            try
            {
                onError?.Invoke(error);
            }
            catch (Exception)
            {
                // A handler that fails must not stop what it was told about.
            }
        }

        /// <summary>The first ids that one call may have, each once; null if there is anything else among them.</summary>
        private static string[] Clean(string[] ids, Func<string, bool> isRight)
        {
            string[] all = ids ?? new string[0];
            bool isGood = all.All(id => !string.IsNullOrEmpty(id) && id.Length <= LongestId && isRight(id));
            return isGood ? all.Distinct().Take(MostIds).ToArray() : null;
        }

        private void KeepSetting(bool? mainSwitch, IDictionary<string, string> items)
        {
            if (mainSwitch == null)
            {
                return;
            }
            _mainSwitch = mainSwitch;
            _kept = items ?? new Dictionary<string, string>();
            // What the ledger can act on: a kept "accept" of a template grants nothing.
            List<KeyValuePair<string, string>> telling = _kept
                .Where(item => item.Value == "reject" || IsSystemType(item.Key)).Take(MostSettings).ToList();
            if (mainSwitch == false || telling.Count > 0)
            {
                _outbox.Add("setting", false, Json.OfSetting(mainSwitch.Value, telling), out _);
            }
        }

        private Task<AskResult> Request(
            string kind,
            string since,
            string[] ids,
            Action<string[], Action<IDictionary<string, string>>, Action<double, string>> ask)
        {
            SubscribeError refusal = Refusal(ids, since);
            if (refusal != null)
            {
                return Task.FromResult(new AskResult(refusal, null));
            }
            var asked = new TaskCompletionSource<AskResult>();
            var call = new object();
            bool isAnswered = false;
            _call = call;
            Timers.Timer timeout = _timers.After(Unanswered, () => End(call));
            Func<bool> isFirst = () =>
            {
                bool isNew = !isAnswered;
                isAnswered = true;
                _timers.Cancel(timeout);
                End(call);
                return isNew;
            };
            Action<double, string> fail = (errCode, errMsg) =>
            {
                if (isFirst())
                {
                    SubscribeError error = SubscribeError.FromWeChat(errCode, errMsg);
                    string json = Json.OfFailure(error.ErrCode, error.ErrMsg);
                    Report report = _outbox.Add(kind, error.Code != ErrorCode.Off, json, out _);
                    asked.SetResult(new AskResult(error, report.Id));
                }
            };
            try
            {
                ask(
                    ids,
                    answers =>
                    {
                        if (isFirst())
                        {
                            var words = new Dictionary<string, string>(answers);
                            Report report = _outbox.Add(kind, false, Json.Of(words), out bool saved);
                            words.Remove("errMsg");
                            asked.SetResult(new AskResult(report.Id, words, Accepted(ids, words), saved));
                        }
                    },
                    fail);
            }
            catch (Exception e)
            {
                fail(0, e.Message);
            }
            return asked.Task;
        }

        private static IList<string> Accepted(string[] ids, Dictionary<string, string> words)
        {
            return ids.Where(id => words.TryGetValue(id, out string word) && word != null
                && word.StartsWith("accept", StringComparison.Ordinal)).ToArray();
        }

        private SubscribeError Refusal(string[] ids, string since)
        {
            if (ids == null)
            {
                return SubscribeError.BadIds;
            }
            if (!IsSince(since))
            {
                return SubscribeError.Old;
            }
            if (ids.Length == 0)
            {
                return SubscribeError.NoIds;
            }
            if (_call != null)
            {
                return SubscribeError.Busy;
            }
            return _outbox.HasRoom ? null : SubscribeError.Full;
        }

        private void End(object call)
        {
            if (_call == call)
            {
                _call = null;
            }
        }

        /// <summary>Whether this phone's base library is at least that old; one that says no version counts as new.</summary>
        private bool IsSince(string wanted)
        {
            string version;
            try
            {
                version = _weChat.BaseLibrary ?? "";
            }
            catch (Exception)
            {
                return true;
            }
            string dotted = version.IndexOf('.') < 0 ? version + ".0" : version;
            return !Version.TryParse(dotted, out Version have) || have >= new Version(wanted);
        }
    }
}
