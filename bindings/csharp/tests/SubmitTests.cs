using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;

namespace Wxsub.Tests
{
    /// <summary>Submit, poll, cancel, lookup, shutdown and statistics.</summary>
    internal static class SubmitTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("submit: each ticket has one result, each player's in order", OneResult);
            tests.Add("submit: what is wrong is said at once, or by the result", Wrong);
            tests.Add("submit: key, tag, notify", Options);
            tests.Add("submit: a full queue", Full);
            tests.Add("poll: into short and long arrays", Arrays);
            tests.Add("poll: waiting, and closing meanwhile", Waiting);
            tests.Add("poll: two threads, one waits", TwoThreads);
            tests.Add("poll: without results it allocates nothing", Garbage);
            tests.Add("cancel and lookup: in the queue", InQueue);
            tests.Add("shutdown: drains", Drains);
            tests.Add("shutdown: interrupts what takes longer", Interrupts);
            tests.Add("stats: what was done", Numbers);
        }

        private static void OneResult()
        {
            using (Client client = Simulator.Open())
            {
                const int Threads = 4;
                const int PerThread = 10;
                var reports = new Dictionary<ulong, string>();
                var messages = new Dictionary<ulong, string>();
                Workers.Run(Threads, n =>
                {
                    for (int i = 0; i < PerThread; i++)
                    {
                        string player = Simulator.Player("submit");
                        Simulator.Grant(player, 1);
                        // The message finds the accept counted, though nobody waited for it.
                        ulong report = client.SubmitReport(player, Simulator.Template, Answer.Accept, null, 7).Ensure().Ticket;
                        ulong message = client.Submit(Simulator.Message(player), new SubmitOptions { Tag = 8 }).Ensure().Ticket;
                        lock (reports)
                        {
                            reports.Add(report, player);
                            messages.Add(message, player);
                        }
                    }
                });
                foreach (Result result in Polling.Take(client, 2 * Threads * PerThread))
                {
                    Check.Status(Status.Ok, result);
                    Check.Equal(ResultFlags.None, result.Flags);
                    if (reports.Remove(result.Ticket))
                    {
                        Check.Equal(7ul, result.Tag);
                        Check.Equal(QuotaChange.Granted, result.Quota);
                    }
                    else
                    {
                        Check.True(messages.TryGetValue(result.Ticket, out string player), "a known ticket, once");
                        messages.Remove(result.Ticket);
                        Check.Equal(8ul, result.Tag);
                        Check.Equal(QuotaChange.Spent, result.Quota);
                        Check.Equal(result.MsgId.ToString(), (string)Json.At(Simulator.Deliveries(player).Single(), "msgid"));
                    }
                }
                Check.Equal(0, reports.Count + messages.Count, "tickets without a result:");
                Polling.None(client);
            }
        }

        private static void Wrong()
        {
            using (Client client = Simulator.Open())
            {
                foreach (string bad in new[] { null, "", "{", "[]", "{}", "{\"touser\":\"\"}", "a\0b", "{\"touser\":\"\uD83C\"}" })
                {
                    Result why = Check.Status(Status.Arg, client.Submit(bad));
                    Check.Equal(0ul, why.Ticket);
                    Check.True(why.Message.Length > 0, "it says why");
                }
                Check.Status(Status.Arg, client.Submit((Message)null));
                Check.Status(Status.Arg, client.Submit(Simulator.Message("p").ToJson(), "{\"kye\":\"x\"}"));
                Check.Status(Status.Arg, client.Submit(Simulator.Message("p"), new SubmitOptions { DeliverAt = DateTimeOffset.MinValue }));
                Check.Status(Status.Arg, client.SubmitReport(null, "t", Answer.Accept));
                Check.Status(Status.Arg, client.SubmitReport("p", null, Answer.Accept));
                Check.Status(Status.Arg, client.SubmitReport("p", "t", (Answer)99));
                Check.Status(Status.Arg, client.SubmitReport("p", "t", Answer.Accept, "\uDFAE"));
                Check.Status(Status.Arg, client.Cancel(null, "k"));
                Check.Status(Status.Arg, client.Cancel("p", null));
                Check.Status(Status.Arg, client.Lookup("p", ""));
                Check.Equal(Status.Arg, client.Poll(null, out int count));
                Check.Equal(Status.Arg, client.Poll(new Result[0], out count));
                Polling.None(client);

                string player = Simulator.Player("wrong");
                ulong none = client.Submit(Simulator.Message(player)).Ensure().Ticket;
                Result noQuota = Check.Status(Status.NoQuota, Polling.One(client));
                Check.Equal(none, noQuota.Ticket);
                Simulator.Accept(client, player);
                client.Submit(Simulator.Message(player, new string('长', 21))).Ensure();
                Check.Contains("thing1", Check.Status(Status.Message, Polling.One(client)).Message);
                Check.Equal(0, Simulator.Requests(player), "WeChat was not called:");
            }
        }

        private static void Options()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("options");
                Simulator.Accept(client, player, 2);
                var options = new SubmitOptions { Key = "战报-1", Tag = ulong.MaxValue };
                client.Submit(Simulator.Message(player), options).Ensure();
                Result sent = Check.Status(Status.Ok, Polling.One(client));
                Check.Equal(ulong.MaxValue, sent.Tag);
                Check.Equal("战报-1", sent.Key);
                client.Submit(Simulator.Message(player), options).Ensure();
                Result again = Check.Status(Status.Ok, Polling.One(client));
                Check.Equal(ResultFlags.Replayed, again.Flags);
                Check.Equal(sent.MsgId, again.MsgId);
                Check.True(again.Ticket > sent.Ticket, "a ticket of its own");
                Check.Equal(1, Simulator.Deliveries(player).Count);

                Check.Equal(0ul, client.Submit(Simulator.Message(player), new SubmitOptions { Notify = false }).Ensure().Ticket);
                Polling.Until(() => Simulator.Deliveries(player).Count == 2, "it is sent all the same");
                Polling.None(client);
            }
        }

        private static void Full()
        {
            Config config = Simulator.Config();
            config.QueueCapacity = 3;
            using (var client = new Client(config))
            {
                string player = Simulator.Player("full");
                for (int i = 0; i < 3; i++)
                {
                    client.SubmitReport(player, "t", Answer.Accept).Ensure();
                }
                Result full = Check.Status(Status.QueueFull, client.SubmitReport(player, "t", Answer.Accept));
                Check.Equal(0ul, full.Ticket);
                Polling.Take(client, 3);
                client.SubmitReport(player, "t", Answer.Accept).Ensure();
                Check.Equal(4L, Polling.One(client).Remaining);
            }
        }

        private static void Arrays()
        {
            using (Client client = Simulator.Open())
            {
                const int Count = 150;
                var open = new HashSet<ulong>();
                for (int i = 0; i < Count; i++)
                {
                    open.Add(client.SubmitReport("p", "t", Answer.Accept).Ensure().Ticket);
                }
                Polling.Until(() => Polling.Stats(client).Results == Count, "all are done");
                foreach (int length in new[] { 1, 10, 64, 65, 200 })
                {
                    var results = new Result[length];
                    Check.Equal(Status.Ok, client.Poll(results, out int n));
                    Check.Equal(Math.Min(length, open.Count), n, "an array of " + length + ":");
                    for (int i = 0; i < length; i++)
                    {
                        Check.True(i < n ? open.Remove(results[i].Ticket) : results[i] == null, "result " + i + " of " + length);
                    }
                }
                Check.Equal(0, open.Count);
            }
        }

        private static void Waiting()
        {
            Client client = Simulator.Open();
            var results = new Result[4];
            var clock = Stopwatch.StartNew();
            Check.Equal(Status.Ok, client.Poll(results, out int n, 100));
            Check.Equal(0, n);
            Check.True(clock.ElapsedMilliseconds >= 90, "it waited " + clock.ElapsedMilliseconds + " ms");

            Status status = Status.Internal;
            var poller = new Thread(() => status = client.Poll(results, out n, -1));
            poller.Start();
            Thread.Sleep(50);
            Check.True(poller.IsAlive, "it waits");
            client.SubmitReport("p", "t", Answer.Accept).Ensure();
            Check.True(poller.Join(5000), "a result ends the waiting");
            Check.Equal(Status.Ok, status);
            Check.Equal(1, n);

            poller = new Thread(() => status = client.Poll(results, out n, -1));
            poller.Start();
            Thread.Sleep(50);
            client.Dispose();
            Check.True(poller.Join(5000), "closing ends the waiting");
            Check.Equal(Status.State, status);
            Check.Equal(0, n);
        }

        private static void TwoThreads()
        {
            using (Client client = Simulator.Open())
            {
                var waiting = new Result[1];
                int n = 0;
                var poller = new Thread(() => client.Poll(waiting, out n, -1));
                poller.Start();
                Thread.Sleep(50);
                Polling.None(client, 0);
                client.SubmitReport("p", "t", Answer.Accept).Ensure();
                Check.True(poller.Join(5000), "the one who waits gets it");
                Check.Equal(1, n);
                Check.Equal(1L, waiting[0].Remaining);
                Polling.None(client, 0);
            }
        }

        private static void Garbage()
        {
            using (Client client = Simulator.Open())
            {
                client.SubmitReport("p", "t", Answer.Accept).Ensure();
                var results = new Result[32];
                Check.Equal(1L, Polling.One(client).Remaining);
                client.Poll(results, out int n);
                long before = GC.GetAllocatedBytesForCurrentThread();
                for (int i = 0; i < 10000; i++)
                {
                    client.Poll(results, out n);
                }
                Check.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before, "bytes of 10000 polls:");

                using (var tickets = new Tickets(client))
                {
                    tickets.Other += result => n++;
                    tickets.Pump();
                    before = GC.GetAllocatedBytesForCurrentThread();
                    for (int i = 0; i < 10000; i++)
                    {
                        tickets.Pump();
                    }
                    Check.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before, "bytes of 10000 pumps:");
                }
            }
        }

        private static void InQueue()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("cancel");
                Simulator.Accept(client, player, 3);
                client.Send(Simulator.Message(player)).Ensure();
                Simulator.Fault(player, "\"delay\",\"delay_ms\":600,\"applied\":true");
                ulong first = client.Submit(Simulator.Message(player), new SubmitOptions { Key = "first" }).Ensure().Ticket;
                ulong second = client.Submit(Simulator.Message(player), new SubmitOptions { Key = "second", Tag = 5 }).Ensure().Ticket;
                Polling.Until(() => Simulator.Requests(player) == 2, "the first is being sent");
                Check.Status(Status.Busy, client.Lookup(player, "first"));
                Check.Status(Status.Busy, client.Lookup(player, "second"));
                Check.Status(Status.TooLate, client.Cancel(player, "first"));
                Result cancelled = Check.Status(Status.Ok, client.Cancel(player, "second"));
                Check.Equal("second", cancelled.Key);
                Check.Equal(5ul, cancelled.Tag);

                List<Result> results = Polling.Take(client, 2);
                Check.Equal(second, Check.Status(Status.Cancelled, results[0]).Ticket);
                Check.Equal(first, Check.Status(Status.Ok, results[1]).Ticket);
                Check.Equal(2, Simulator.Deliveries(player).Count);
                Check.Status(Status.TooLate, client.Cancel(player, "first"));
                Check.Status(Status.NotFound, client.Cancel(player, "second"));
                Result ended = Check.Status(Status.Ok, client.Lookup(player, "first"));
                Check.Equal(ResultFlags.Replayed, ended.Flags);
                Check.Equal(results[1].MsgId, ended.MsgId);
                Check.Status(Status.NotFound, client.Lookup(player, "nobody's"));
            }
        }

        private static void Drains()
        {
            using (Client client = Simulator.Open())
            {
                var open = new HashSet<ulong>();
                for (int i = 0; i < 20; i++)
                {
                    string player = Simulator.Player("drain");
                    Simulator.Accept(client, player);
                    open.Add(client.Submit(Simulator.Message(player)).Ensure().Ticket);
                }
                Check.Status(Status.Ok, client.Shutdown(10000, out long unfinished));
                Check.Equal(0L, unfinished);
                Check.Status(Status.State, client.Submit(Simulator.Message("p")));
                Check.Status(Status.State, client.SubmitReport("p", "t", Answer.Accept));
                Check.Status(Status.State, client.Send(Simulator.Message("p")));
                Check.Status(Status.State, client.Cancel("p", "k"));
                Check.Status(Status.State, client.Lookup("p", "k"));
                Check.Equal(20ul, Polling.Stats(client).Sent);
                var results = new Result[32];
                Check.Equal(Status.Ok, client.Poll(results, out int n));
                Check.Equal(20, n, "all are there at once:");
                Check.True(results.Take(n).All(r => r.IsOk && open.Remove(r.Ticket)), "each is Ok, and once");
                Check.Status(Status.Ok, client.Shutdown(-1, out unfinished));
                Check.Equal(0L, unfinished);
            }
        }

        private static void Interrupts()
        {
            Config config = Simulator.Config();
            config.TimeoutMs = 20000;
            using (var client = new Client(config))
            {
                string player = Simulator.Player("late");
                Simulator.Accept(client, player, 4);
                client.Send(Simulator.Message(player)).Ensure();
                Simulator.Fault(player, "\"stall\"");
                ulong first = client.Submit(Simulator.Message(player)).Ensure().Ticket;
                ulong second = client.Submit(Simulator.Message(player)).Ensure().Ticket;
                Polling.Until(() => Simulator.Requests(player) == 2, "the first is being sent");
                var clock = Stopwatch.StartNew();
                Check.Status(Status.Ok, client.Shutdown(100, out long unfinished));
                Check.True(clock.ElapsedMilliseconds < 3000, "it took " + clock.ElapsedMilliseconds + " ms");
                Check.Equal(2L, unfinished);
                Dictionary<ulong, Result> results = Polling.Take(client, 2).ToDictionary(r => r.Ticket);
                Check.Status(Status.Unknown, results[first]);
                Check.Status(Status.Cancelled, results[second]);
                Polling.None(client);
            }
        }

        private static void Numbers()
        {
            using (Client client = Simulator.Open())
            {
                Check.Equal(0ul, Polling.Stats(client).Sent);
                string player = Simulator.Player("stats");
                Simulator.Accept(client, player, 2);
                client.Submit(Simulator.Message(player), new SubmitOptions { Key = "k" }).Ensure();
                Polling.Until(() => Polling.Stats(client).Results == 1, "it is sent");
                client.Send(Simulator.Message(player), new SendOptions { Key = "k" }).Ensure();
                client.Send(Simulator.Message("nobody"));
                client.Send(Simulator.Message(player, ""));
                client.Submit(Simulator.Message(player), new SubmitOptions { DeliverAt = DateTimeOffset.UtcNow.AddHours(1) }).Ensure();
                Polling.Until(() => Polling.Stats(client).Results == 2, "it is stored");
                Stats stats = Polling.Stats(client);
                Check.Equal(1ul, stats.Sent);
                Check.Equal(1ul, stats.NoQuota);
                Check.Equal(1ul, stats.BadMessage);
                Check.Equal(1ul, stats.Replayed);
                Check.Equal(2ul, stats.Reports);
                Check.Equal(1ul, stats.TokenCalls);
                Check.Equal(1ul, stats.OutboxWaiting);
                Check.Equal(0ul, stats.OutboxDue);
                Check.Equal(0ul, stats.Queued + stats.LostResults + stats.Unknown);
                Check.Equal(
                    "sent 1, failed 2, replayed 1; queued 0, running " + stats.Running + ", results 2; outbox 1, due 0",
                    stats.ToString());
                client.Dispose();
                Check.Status(Status.State, client.GetStats(out stats));
                Check.Equal(0ul, stats.Sent);
            }
        }
    }
}
