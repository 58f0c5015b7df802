using System;
using System.Collections.Generic;
using System.Linq;

namespace WxsubClient
{
    /// <summary>
    /// Answers on their way to the server: stored first, reported one by one in order, removed when the server has them.
    /// Every change reads the storage, changes the list and writes it: two of these on one storage lose nothing of each
    /// other.
    /// </summary>
    internal sealed class Outbox
    {
        private const int Most = 50;
        private const double FirstPause = 1;
        private const double LongestPause = 300;
        private const double ReportTimeout = 30;
        private const string Setting = "setting";

        private readonly IWeChat _weChat;
        private readonly string _key;
        private readonly Action<Report, Action<bool>> _report;
        private readonly Action<Exception> _onError;
        private readonly Timers _timers;
        private readonly Random _random = new Random(Guid.NewGuid().GetHashCode());

        /// <summary>Ids that the server has; the storage may still hold them if it could not be written.</summary>
        private readonly HashSet<string> _taken = new HashSet<string>();

        /// <summary>What the storage did not take.</summary>
        private List<Report> _unsaved = new List<Report>();

        private string _sending;
        private int _failures;
        private Timers.Timer _next;

        internal Outbox(
            IWeChat weChat, string key, Action<Report, Action<bool>> report, Action<Exception> onError, Timers timers)
        {
            _weChat = weChat;
            _key = key;
            _report = report;
            _onError = onError;
            _timers = timers;
        }

        internal int Count => List().Count;

        /// <summary>Whether another answer of the player can be kept.</summary>
        internal bool HasRoom => List().Count(report => !report.IsMinor) < Most;

        /// <summary>Keeps an answer, and begins to report.</summary>
        internal Report Add(string kind, bool isMinor, string answerJson, out bool saved)
        {
            var report = new Report(Guid.NewGuid().ToString("N"), kind, isMinor, answerJson);
            bool kept = false;
            Change(list =>
            {
                Report last = list.LastOrDefault();
                if (kind == Setting && last != null && last.Kind == kind && last.Id != _sending)
                {
                    list.RemoveAt(list.Count - 1);
                }
                int minor = list.FindIndex(other => other.IsMinor && other.Id != _sending);
                if (list.Count >= Most && minor >= 0)
                {
                    list.RemoveAt(minor);
                }
                // Ask made sure of room for a player's answer; the settings come again at the next login.
                kept = list.Count < Most || (kind != Setting && !isMinor);
                if (kept)
                {
                    list.Add(report);
                }
            });
            saved = kept && !_unsaved.Contains(report);
            Flush();
            return report;
        }

        /// <summary>Reports now what waits.</summary>
        internal void Flush()
        {
            if (_sending != null)
            {
                return;
            }
            _timers.Cancel(_next);
            List<Report> known = Stored();
            Report report = With(known).FirstOrDefault();
            if (report == null)
            {
                // Out of reach is not empty.
                if (known == null)
                {
                    Wait();
                }
                return;
            }
            _sending = report.Id;
            Attempt(report, isTaken =>
            {
                _sending = null;
                if (!isTaken)
                {
                    Wait();
                    return;
                }
                _failures = 0;
                Flush();
            });
        }

        private void Wait()
        {
            _failures++;
            _next = _timers.After(Pause(), Flush);
        }

        private void Attempt(Report report, Action<bool> done)
        {
            bool ended = false;
            Timers.Timer timeout = null;
            Action<bool> end = isTaken =>
            {
                if (ended)
                {
                    return;
                }
                ended = true;
                _timers.Cancel(timeout);
                done(isTaken);
            };
            timeout = _timers.After(ReportTimeout, () => end(false));
            try
            {
                _report(report, isTaken =>
                {
                    if (isTaken && _taken.Add(report.Id))
                    {
                        Change(list => { });
                    }
                    end(isTaken);
                });
            }
            catch (Exception e)
            {
                _onError(e);
                end(false);
            }
        }

        /// <summary>Doubles with each failure, and spreads the players out.</summary>
        private double Pause()
        {
            double longest = Math.Min(LongestPause, FirstPause * Math.Pow(2, _failures - 1));
            return longest * (0.5 + (_random.NextDouble() / 2));
        }

        private List<Report> List() => With(Stored());

        private List<Report> With(List<Report> stored) => (stored ?? new List<Report>()).Concat(_unsaved).ToList();

        /// <summary>What the storage holds for the server; null if it can't be read now.</summary>
        private List<Report> Stored()
        {
            try
            {
                return Open(StoredReports.Read(_weChat.Load(_key)));
            }
            catch (Exception e)
            {
                _onError(e);
                return null;
            }
        }

        private List<Report> Open(IEnumerable<Report> reports) =>
            reports.Where(report => !_taken.Contains(report.Id)).ToList();

        /// <summary>Changes the list and stores it; what could not be stored stays in memory. One reading, for both.</summary>
        private void Change(Action<List<Report>> edit)
        {
            List<Report> before = Stored();
            List<Report> list = With(before);
            edit(list);
            try
            {
                // Written unread, the list would replace reports that are only out of reach.
                if (before != null)
                {
                    _weChat.Save(_key, StoredReports.Write(Open(list)));
                    _unsaved = new List<Report>();
                    return;
                }
            }
            catch (Exception e)
            {
                _onError(e);
            }
            _unsaved = Open(list).Where(report => before == null || before.All(other => other.Id != report.Id)).ToList();
        }
    }
}
