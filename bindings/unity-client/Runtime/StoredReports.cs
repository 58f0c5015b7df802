using System;
using System.Collections.Generic;
using System.Linq;

namespace WxsubClient
{
    /// <summary>
    /// The text in the storage: a line for the format, then one for each report: id, kind, '-' or 'm' (minor), JSON.
    /// </summary>
    internal static class StoredReports
    {
        private const string Format = "wxsub1";

        internal static string Write(IEnumerable<Report> reports)
        {
            IEnumerable<string> lines = reports.Select(report =>
                string.Join(" ", report.Id, report.Kind, report.IsMinor ? "m" : "-", report.AnswerJson));
            return string.Join("\n", new[] { Format }.Concat(lines));
        }

        /// <summary>The reports of a text; what is of another make is left out.</summary>
        internal static List<Report> Read(string text)
        {
            string[] lines = (text ?? "").Split('\n');
            return lines[0] == Format ? lines.Skip(1).Select(Parse).Where(report => report != null).ToList() : new List<Report>();
        }

        private static Report Parse(string line)
        {
            string[] parts = line.Split(new[] { ' ' }, 4);
            bool isWhole = parts.Length == 4 && parts[0].Length > 0 && parts[3].StartsWith("{", StringComparison.Ordinal)
                && parts[3].EndsWith("}", StringComparison.Ordinal);
            return isWhole ? new Report(parts[0], parts[1], parts[2] == "m", parts[3]) : null;
        }
    }
}
