using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;

namespace Wxsub.Tests
{
    /// <summary>Polls until what a test waits for is there.</summary>
    internal static class Polling
    {
        private const int PatienceMs = 10000;

        /// <summary>So many results, in the order in which they came.</summary>
        internal static List<Result> Take(Client client, int count)
        {
            var taken = new List<Result>();
            var results = new Result[16];
            var clock = Stopwatch.StartNew();
            while (taken.Count < count)
            {
                Check.True(clock.ElapsedMilliseconds < PatienceMs, count + " results come, not " + taken.Count);
                Check.Equal(Status.Ok, client.Poll(results, out int n, 200));
                taken.AddRange(results.Take(n));
            }
            Check.Equal(count, taken.Count, "results:");
            return taken;
        }

        internal static Result One(Client client) => Take(client, 1)[0];

        /// <summary>That nothing comes for a while.</summary>
        internal static void None(Client client, int forMs = 100)
        {
            var results = new Result[16];
            Check.Equal(Status.Ok, client.Poll(results, out int n, forMs));
            Check.Equal(0, n, n > 0 ? results[0].ToString() : "");
        }

        /// <summary>Pumps until it is so.</summary>
        internal static void Pump(Tickets tickets, Func<bool> until, string what)
        {
            Until(() =>
            {
                tickets.Pump(20);
                return until();
            }, what);
        }

        internal static void Until(Func<bool> condition, string what)
        {
            var clock = Stopwatch.StartNew();
            while (!condition())
            {
                Check.True(clock.ElapsedMilliseconds < PatienceMs, what);
                System.Threading.Thread.Sleep(2);
            }
        }

        internal static Stats Stats(Client client)
        {
            client.GetStats(out Stats stats).Ensure();
            return stats;
        }
    }
}
