using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace WxsubClient.Tests
{
    /// <summary>A game server with wxsub behind it: a report whose id it has seen changes nothing.</summary>
    internal sealed class FakeServer
    {
        internal readonly List<Report> Seen = new List<Report>();
        internal int Requests;
        internal Mode Now;

        internal enum Mode
        {
            Ok,
            Down,
            Lost,
            Silent,
        }

        internal void Report(Report report, Action<bool> done)
        {
            Requests++;
            if (Now == Mode.Ok || Now == Mode.Lost)
            {
                Apply(report);
            }
            if (Now != Mode.Silent)
            {
                done(Now == Mode.Ok);
            }
        }

        internal void Apply(Report report)
        {
            if (Seen.All(other => other.Id != report.Id))
            {
                Seen.Add(report);
            }
        }

        /// <summary>How often a template was accepted.</summary>
        internal int Count(string template)
        {
            string accept = "\"" + template + "\":\"accept\"";
            return Seen.Count(report => report.Kind != "setting" && Regex.IsMatch(report.AnswerJson, Regex.Escape(accept)));
        }
    }
}
