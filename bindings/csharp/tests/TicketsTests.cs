using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Wxsub.Tests
{
    /// <summary>Tickets as tasks.</summary>
    internal static class TicketsTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("tickets: code goes on in Pump, on its thread", () => GoesOn(null));
            tests.Add("tickets: so it does under a SynchronizationContext", () => GoesOn(new Recorder()));
            tests.Add("tickets: or in the thread pool, if that is wanted", GoesOnElsewhere);
            tests.Add("tickets: one that is not taken in", NotTakenIn);
            tests.Add("tickets: outcomes and others' results", Others);
            tests.Add("tickets: a handler that throws", Throwing);
            tests.Add("tickets: a burst is spread", Burst);
            tests.Add("tickets: threads submit, threads pump", Threads);
            tests.Add("tickets: Dispose cancels, and the client goes on", DisposeCancels);
            tests.Add("tickets: closing the client cancels", ClosingCancels);
            tests.Add("tickets: shutdown, pump, dispose", Shutdown);
            tests.Add("tickets: code that submits, pumps and disposes", Reentrant);
            tests.Add("tickets: disposed in any order, or forgotten", AnyOrder);
        }

        private static void GoesOn(SynchronizationContext context)
        {
            SynchronizationContext before = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(context);
            try
            {
                using (Client client = Simulator.Open())
                using (var tickets = new Tickets(client))
                {
                    string player = Simulator.Player("tickets");
                    Simulator.Grant(player, 1);
                    bool pumping = false;
                    var seen = new List<string>();
                    Func<Task> script = async () =>
                    {
                        int thread = Thread.CurrentThread.ManagedThreadId;
                        Result reported = await tickets.SubmitReportAsync(player, Simulator.Template, Answer.Accept, "k", 3);
                        Check.True(pumping && thread == Thread.CurrentThread.ManagedThreadId, "in Pump, on its thread");
                        seen.Add(reported.Status + " " + reported.Remaining + " " + reported.Tag);
                        Result sent = await tickets.SubmitAsync(Simulator.Message(player), new SubmitOptions { Tag = 4 });
                        Check.True(pumping && thread == Thread.CurrentThread.ManagedThreadId, "in Pump, on its thread");
                        seen.Add(sent.Status + " " + sent.Remaining + " " + sent.Tag);
                    };
                    Task play = script();
                    Check.Equal(1, tickets.Waiting);
                    Polling.Until(() =>
                    {
                        pumping = true;
                        tickets.Pump();
                        pumping = false;
                        return play.IsCompleted;
                    }, "it is played to the end");
                    play.GetAwaiter().GetResult();
                    Check.Equal("Ok 1 3, Ok 0 4", string.Join(", ", seen));
                    Check.Equal(0, tickets.Waiting);
                    Check.Equal(0, (context as Recorder)?.Posts ?? 0, "code that had to wait for a frame:");
                }
            }
            finally
            {
                SynchronizationContext.SetSynchronizationContext(before);
            }
        }

        private static void GoesOnElsewhere()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client, false))
            {
                var pump = new Thread(() =>
                {
                    while (!tickets.IsClosed)
                    {
                        tickets.Pump(-1);
                    }
                });
                pump.Start();
                Func<Task<bool>> script = async () =>
                {
                    await tickets.SubmitReportAsync("p", "t", Answer.Accept);
                    // On the thread that pumps this would wait for ever.
                    return tickets.SubmitReportAsync("p", "t", Answer.Accept).Wait(5000)
                        && Thread.CurrentThread.IsThreadPoolThread;
                };
                Task<bool> play = Task.Run(script);
                Check.True(play.Wait(10000) && play.Result, "it goes on in the pool");
                client.Dispose();
                Check.True(pump.Join(5000), "a closed client ends the pumping");
            }
        }

        private static void NotTakenIn()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                Check.Throws<ArgumentNullException>(() => new Tickets(null));
                Check.Status(Status.Arg, Now(tickets.SubmitAsync("{}")));
                Check.Status(Status.Arg, Now(tickets.SubmitAsync((Message)null)));
                Check.Status(Status.Arg, Now(tickets.SubmitReportAsync(null, "t", Answer.Accept)));
                string player = Simulator.Player("unwanted");
                Check.Status(Status.Ok, Now(tickets.SubmitAsync(Simulator.Message(player), new SubmitOptions { Notify = false })));
                client.Shutdown(5000, out _).Ensure();
                Check.Status(Status.State, Now(tickets.SubmitAsync(Simulator.Message(player))));
                Check.Equal(0, tickets.Waiting);
                Check.True(!tickets.IsClosed, "there may be results yet");
            }
        }

        private static void Others()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                var others = new List<Result>();
                tickets.Other += others.Add;
                string player = Simulator.Player("others");
                Simulator.Accept(client, player);
                ulong own = client.SubmitReport(player, "t", Answer.Accept).Ensure().Ticket;
                Task<Result> stored = tickets.SubmitAsync(Simulator.Message(player), new SubmitOptions { Key = "k", Durable = true });
                Polling.Pump(tickets, () => others.Count == 2, "both come");
                Check.Equal(own, others[0].Ticket);
                Check.Equal(ResultFlags.Stored, Now(stored).Flags);
                Check.Equal(ResultFlags.Outcome, Check.Status(Status.Ok, others[1]).Flags);
                Check.Equal("k", others[1].Key);
            }
        }

        private static void Throwing()
        {
            foreach (bool closed in new[] { false, true })
            {
                Throwing(closed);
            }
        }

        private static void Throwing(bool closed)
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                for (int i = 0; i < 3; i++)
                {
                    client.SubmitReport("p", "t", Answer.Accept).Ensure();
                }
                Task<Result> last = tickets.SubmitReportAsync("p", "t", Answer.Accept);
                Polling.Until(() => Polling.Stats(client).Results == 4, "all are done");
                var others = new List<long>();
                tickets.Other += other =>
                {
                    others.Add(other.Remaining);
                    if (other.Remaining < (closed ? 3 : 2))
                    {
                        throw new InvalidOperationException("a handler's mistake");
                    }
                };
                Check.Throws<InvalidOperationException>(() => tickets.Pump());
                Check.Equal(4L, Now(last).Remaining, "the task has its result:");
                if (closed)
                {
                    client.Dispose();
                    Check.Throws<InvalidOperationException>(() => tickets.Pump());
                }
                tickets.Pump();
                Check.Equal("1 2 3", string.Join(" ", others), "none is lost, none comes twice:");
            }
        }

        private static void Burst()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                List<Task<Result>> tasks = Enumerable.Range(0, 600)
                    .Select(i => tickets.SubmitReportAsync("p", "t", Answer.Accept)).ToList();
                Polling.Until(() => Polling.Stats(client).Results == 600, "all are done");
                Check.Equal("256 256 88 0", string.Join(" ", Enumerable.Range(0, 4).Select(i => tickets.Pump())));
                Check.Equal(600L, tasks.Max(t => Now(t).Remaining));
            }
        }

        private static void Threads()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                int done = 0;
                int strangers = 0;
                tickets.Other += other => Interlocked.Increment(ref strangers);
                var pumps = new List<Thread>();
                for (int i = 0; i < 2; i++)
                {
                    pumps.Add(new Thread(() =>
                    {
                        while (!tickets.IsClosed)
                        {
                            tickets.Pump(-1);
                        }
                    }));
                }
                pumps.ForEach(t => t.Start());
                Workers.Run(6, n =>
                {
                    for (int i = 0; i < 200; i++)
                    {
                        Task<Result> task = tickets.SubmitReportAsync("p" + n, "t", Answer.Accept);
                        Check.True(task.Wait(10000), "another thread pumps");
                        Check.Equal(i + 1L, task.Result.Ensure().Remaining);
                        Interlocked.Increment(ref done);
                    }
                });
                client.Dispose();
                foreach (Thread pump in pumps)
                {
                    Check.True(pump.Join(5000), "a closed client ends the pumping");
                }
                Check.Equal(1200, done);
                Check.Equal(0, strangers, "results that no task was known for:");
            }
        }

        private static void DisposeCancels()
        {
            using (Client client = Simulator.Open())
            {
                var tickets = new Tickets(client);
                tickets.Other += other => throw new Exception("nothing comes any more");
                Task<Result> open = tickets.SubmitReportAsync("p", "t", Answer.Accept);
                Check.Equal(1, tickets.Waiting);
                tickets.Dispose();
                tickets.Dispose();
                Check.True(open.IsCanceled && tickets.IsClosed, "cancelled");
                Check.Equal(0, tickets.Waiting);
                Check.Equal(0, tickets.Pump(1000));
                Check.Status(Status.State, Now(tickets.SubmitReportAsync("p", "t", Answer.Accept)));
                Check.Status(Status.State, Now(tickets.SubmitAsync(Simulator.Message("p"))));
                Check.Equal(1L, Polling.One(client).Remaining, "its result is left to the client:");
            }
        }

        private static void ClosingCancels()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                string player = Simulator.Player("closing");
                Simulator.Accept(client, player, 2);
                client.Send(Simulator.Message(player)).Ensure();
                Simulator.Fault(player, "\"stall\"");
                Task<Result> open = tickets.SubmitAsync(Simulator.Message(player));
                Polling.Until(() => Simulator.Requests(player) == 2, "it is being sent");
                client.Dispose();
                Check.True(!open.IsCompleted, "nobody pumped");
                Check.Equal(0, tickets.Pump(-1));
                Check.True(open.IsCanceled && tickets.IsClosed, "cancelled");
                Check.Status(Status.State, Now(tickets.SubmitAsync(Simulator.Message(player))));
            }
        }

        private static void Shutdown()
        {
            using (Client client = Simulator.Open())
            using (var tickets = new Tickets(client))
            {
                List<Task<Result>> tasks = Enumerable.Range(0, 300)
                    .Select(i => tickets.SubmitReportAsync("p", "t", Answer.Accept)).ToList();
                client.Shutdown(10000, out long unfinished).Ensure();
                Check.Equal(0L, unfinished);
                while (tickets.Pump() > 0)
                {
                }
                Check.True(tasks.All(t => Now(t).IsOk), "each has its result");
            }
        }

        private static void Reentrant()
        {
            using (Client client = Simulator.Open())
            {
                var tickets = new Tickets(client);
                Result second = null;
                Func<Task> script = async () =>
                {
                    await tickets.SubmitReportAsync("p", "t", Answer.Accept);
                    Task<Result> next = tickets.SubmitReportAsync("p", "t", Answer.Accept);
                    Polling.Until(() => tickets.Pump() > 0, "Pump within Pump");
                    second = await next;
                    tickets.Dispose();
                };
                Task play = script();
                Polling.Until(() => tickets.Pump() >= 0 && play.IsCompleted, "it is played to the end");
                play.GetAwaiter().GetResult();
                Check.Equal(2L, second.Remaining);

                tickets = new Tickets(client);
                int others = 0;
                tickets.Other += other =>
                {
                    others++;
                    tickets.Pump();
                };
                client.SubmitReport("p", "t", Answer.Accept).Ensure();
                client.SubmitReport("p", "t", Answer.Accept).Ensure();
                Polling.Pump(tickets, () => others >= 2, "both come");
                Check.Equal(2, others);
                tickets.Dispose();
            }
        }

        private static void AnyOrder()
        {
            for (int i = 0; i < 4; i++)
            {
                Client client = Simulator.Open();
                var tickets = new Tickets(client);
                Task<Result> open = tickets.SubmitReportAsync("p", "t", Answer.Accept);
                if (i % 2 == 0)
                {
                    client.Dispose();
                    tickets.Dispose();
                }
                else
                {
                    tickets.Dispose();
                    client.Dispose();
                }
                Check.True(open.IsCanceled, "cancelled");
            }
            // More clients than a process may have open, each with tickets and a task that nobody pumps.
            for (int i = 0; i < 1100; i++)
            {
                Forget();
                if (i % 50 == 49)
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                }
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Forget()
        {
            var tickets = new Tickets(Simulator.Open());
            tickets.Other += other => tickets.Dispose();
            tickets.SubmitReportAsync("p", "t", Answer.Accept).ContinueWith(t => tickets.Pump());
        }

        /// <summary>The result of a task that has one.</summary>
        private static Result Now(Task<Result> task)
        {
            Check.True(task.IsCompleted, "it is there");
            return task.Result;
        }

        /// <summary>As a game engine's: what is posted waits for a later frame.</summary>
        private sealed class Recorder : SynchronizationContext
        {
            internal int Posts { get; private set; }

            public override void Post(SendOrPostCallback callback, object state)
            {
                Posts++;
                callback(state);
            }
        }
    }
}
