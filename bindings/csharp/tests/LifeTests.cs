using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Wxsub.Tests
{
    /// <summary>Opening, closing, and the garbage collector.</summary>
    internal static class LifeTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("life: a closed client answers State", Closed);
            tests.Add("life: the count survives in the store", Store);
            tests.Add("life: closing while threads call", ClosingUnderLoad);
            tests.Add("life: closing interrupts a send", ClosingInterrupts);
            tests.Add("life: forgotten clients are freed", Forgotten);
            tests.Add("life: the collector leaves a running call alone", CollectedDuringCall);
            tests.Add("life: CloseAll", CloseAll);
            tests.Add("life: unloading the code, as Unity's editor does", Unloading);
        }

        private static void Closed()
        {
            Client client = Simulator.Open();
            client.Dispose();
            client.Dispose();
            Check.Status(Status.State, client.Report("p", "t", Answer.Accept));
            Check.Status(Status.State, client.ReportJson("p", "{\"t\":\"accept\"}")[0]);
            Check.Status(Status.State, client.Quota("p", "t"));
            Check.Status(Status.State, client.Send(Simulator.Message("p")));
            Check.Status(Status.State, client.SetToken("x", 1));
            Check.Status(Status.State, client.HandleEvent("signature=x", null, out string reply));
            Check.Equal("", reply);
            Check.Status(Status.State, client.Login("code", out Identity identity));
            Check.True(identity == null, "nobody");
            Check.Status(Status.State, client.Check());
            Check.Equal(0ul, Check.Status(Status.State, client.Submit(Simulator.Message("p"))).Ticket);
            Check.Status(Status.State, client.SubmitReport("p", "t", Answer.Accept));
            Check.Equal(Status.State, client.Poll(new Result[1], out int count, -1));
            Check.Equal(0, count);
            Check.Status(Status.State, client.Cancel("p", "k"));
            Check.Status(Status.State, client.Lookup("p", "k"));
            Check.Status(Status.State, client.Shutdown(-1, out long unfinished));
            Check.Equal(0L, unfinished);
            Check.Status(Status.State, client.GetStats(out _));
            using (Client next = Simulator.Open())
            {
                Check.Status(Status.State, client.Report("p", "t", Answer.Accept));
                Check.Status(Status.Ok, next.Report("p", "t", Answer.Accept));
            }
        }

        private static void Store()
        {
            string folder = Path.Combine(Path.GetTempPath(), "wxsub-测试-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(folder);
            try
            {
                Config config = Simulator.Config();
                config.Store = Path.Combine(folder, "配额.db");
                using (var client = new Client(config))
                {
                    client.Report("p", "t", Answer.Accept).Ensure();
                }
                Check.True(File.Exists(config.Store), "the path is UTF-8");
                using (var one = new Client(config))
                using (var two = new Client(config))
                {
                    Check.Equal(2L, one.Report("p", "t", Answer.Accept).Ensure().Remaining);
                    Check.Equal(2L, two.Quota("p", "t").Ensure().Remaining);
                }
            }
            finally
            {
                Directory.Delete(folder, true);
            }
        }

        private static void ClosingUnderLoad()
        {
            for (int round = 0; round < 5; round++)
            {
                Client client = Simulator.Open();
                int open = 0;
                Workers.Run(8, n =>
                {
                    for (int i = 0; ; i++)
                    {
                        if (n == 0 && i == 20)
                        {
                            client.Dispose();
                        }
                        Result result = client.Report("p" + n, "t", Answer.Accept);
                        if (result.Status == Status.State)
                        {
                            return;
                        }
                        result.Ensure();
                        Interlocked.Increment(ref open);
                    }
                });
                Check.True(open >= 20, "it worked before");
            }
        }

        private static void ClosingInterrupts()
        {
            Config config = Simulator.Config();
            config.TimeoutMs = 20000;
            var client = new Client(config);
            string player = Simulator.Player("interrupt");
            Simulator.Accept(client, player, 2);
            client.Send(Simulator.Message(player)).Ensure();
            Simulator.Fault(player, "\"stall\"");
            Result result = null;
            var sender = new Thread(() => result = client.Send(Simulator.Message(player)));
            sender.Start();
            for (int i = 0; Simulator.Requests(player) < 2 && i < 200; i++)
            {
                Thread.Sleep(20);
            }
            var clock = Stopwatch.StartNew();
            client.Dispose();
            long closing = clock.ElapsedMilliseconds;
            Check.True(sender.Join(5000), "the send came back");
            Check.True(closing < 3000, "closing took " + closing + " ms");
            Check.True(result.Status == Status.Unknown || result.Status == Status.Cancelled, result.ToString());
        }

        private static void Forgotten()
        {
            // More than a process may have open, so this works only if the collector frees what is forgotten.
            for (int i = 0; i < 1100; i++)
            {
                Forget();
                if (i % 50 == 49)
                {
                    Collect();
                }
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Forget() => Simulator.Open().Report("p", "t", Answer.Accept).Ensure();

        private static void CollectedDuringCall()
        {
            bool done = false;
            var collector = new Thread(() =>
            {
                while (!Volatile.Read(ref done))
                {
                    Collect();
                    Thread.Sleep(1);
                }
            });
            collector.Start();
            try
            {
                Workers.Run(6, n =>
                {
                    for (int i = 0; i < 5; i++)
                    {
                        string player = Simulator.Player("gc" + n);
                        Simulator.Grant(player, 1);
                        Simulator.Fault(player, "\"delay\",\"delay_ms\":60");
                        SendFromNowhere(player);
                    }
                });
            }
            finally
            {
                Volatile.Write(ref done, true);
                collector.Join();
            }
        }

        /// <summary>While this send runs, nothing but the call itself refers to the client.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void SendFromNowhere(string player)
        {
            Config config = Simulator.Config();
            config.Quota = "observe";
            Check.Status(Status.Ok, new Client(config).Send(Simulator.Message(player)));
        }

        private static void CloseAll()
        {
            Client one = Simulator.Open();
            Client two = Simulator.Open();
            one.SetLog((level, line) => { }).Ensure();
            Library.CloseAll();
            Check.Status(Status.State, one.Quota("p", "t"));
            Check.Status(Status.State, two.Quota("p", "t"));
            using (Client three = Simulator.Open())
            {
                one.Dispose();
                two.Dispose();
                Check.Status(Status.Ok, three.Quota("p", "t"));
            }
        }

        /// <summary>
        /// In a domain of its own: a log handler, a send that runs, CloseAll, then the domain is thrown away. On .NET,
        /// which has no such domains, CloseAll alone.
        /// </summary>
        private static void Unloading()
        {
#if NETCOREAPP // compiled by an SDK that knows
            var reloaded = new Reloaded();
            reloaded.Begin();
            reloaded.End();
#else
            for (int round = 0; round < 3; round++)
            {
                AppDomain domain = null;
                try
                {
                    domain = AppDomain.CreateDomain("reload " + round);
                }
                catch (PlatformNotSupportedException)
                {
                    var here = new Reloaded();
                    here.Begin();
                    here.End();
                    return;
                }
                var there = (Reloaded)domain.CreateInstanceAndUnwrap(typeof(Reloaded).Assembly.FullName, typeof(Reloaded).FullName);
                there.Begin();
                there.End();
                AppDomain.Unload(domain);
                using (Client client = Simulator.Open())
                {
                    Check.Status(Status.Ok, client.Report("p", "t", Answer.Accept));
                }
            }
#endif
        }

        private static void Collect()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
