using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;

namespace Wxsub.Tests
{
    /// <summary>Log lines, and the life of their handlers.</summary>
    internal static class LogTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("log: lines arrive, without secrets", Lines);
            tests.Add("log: a handler that throws, calls back, or closes", Handlers);
            tests.Add("log: handlers are let go of", LetGo);
        }

        private static void Lines()
        {
            var lines = new List<string>();
            using (Client client = Simulator.Open())
            {
                LogHandler handler = (level, line) =>
                {
                    lock (lines)
                    {
                        lines.Add((int)level + " " + line);
                    }
                };
                Check.Status(Status.Ok, client.SetLog(handler, LogLevel.Debug));
                Check.True(lines.Any(l => l.StartsWith("3 ", StringComparison.Ordinal)), "what came before comes at once");
                string player = Simulator.Player("log");
                Simulator.Accept(client, player);
                for (int i = 0; i < 3; i++)
                {
                    // The library holds the callback; nothing else must have to.
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                }
                client.Send(Simulator.Message(player, "日志")).Ensure();
                Check.True(lines.Any(l => l.StartsWith("4 ", StringComparison.Ordinal)), "a send has its line");
                string all = string.Join("\n", lines);
                Check.Lacks(Simulator.Secret, all);
                Check.Lacks("access_token", all);

                int before = lines.Count;
                Check.Status(Status.Ok, client.SetLog(null));
                client.Report(player, "t", Answer.Accept).Ensure();
                Check.Equal(before, lines.Count, "off is off:");
            }
        }

        private static void Handlers()
        {
            using (Client client = Simulator.Open())
            {
                int calls = 0;
                client.SetLog((level, line) =>
                {
                    calls++;
                    client.Quota("p", "t").Ensure();
                    throw new Exception("a handler's mistake");
                }, LogLevel.Debug).Ensure();
                client.Report("p", "t", Answer.Accept).Ensure();
                Check.True(calls > 0, "it was called");
                client.SetLog((level, line) => client.Dispose(), LogLevel.Debug);
                client.Report("p", "t", Answer.Accept);
                Check.Status(Status.State, client.Report("p", "t", Answer.Accept));
            }
        }

        private static void LetGo()
        {
            using (Client client = Simulator.Open())
            {
                for (int i = 0; i < 5; i++)
                {
                    client.SetLog((level, line) => { }).Ensure();
                }
            }
            Client closed = Simulator.Open();
            closed.Dispose();
            Check.Status(Status.State, closed.SetLog((level, line) => { }));
            var clock = Stopwatch.StartNew();
            LogHook.WaitUntilUnused(TimeSpan.FromSeconds(20));
            Check.True(clock.ElapsedMilliseconds < 10000, "no handler is left");
        }
    }
}
