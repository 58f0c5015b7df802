using System;
using System.Collections.Generic;
using System.Threading;

namespace Wxsub.Tests
{
    /// <summary>Several threads at once.</summary>
    internal static class Workers
    {
        /// <summary>Runs the work on several threads and waits; the first failure is the caller's.</summary>
        internal static void Run(int threads, Action<int> work)
        {
            var failures = new List<Exception>();
            var running = new List<Thread>();
            for (int i = 0; i < threads; i++)
            {
                int n = i;
                running.Add(new Thread(() =>
                {
                    try
                    {
                        work(n);
                    }
                    catch (Exception e)
                    {
                        lock (failures)
                        {
                            failures.Add(e);
                        }
                    }
                }));
            }
            running.ForEach(t => t.Start());
            running.ForEach(t => t.Join());
            if (failures.Count > 0)
            {
                throw new Exception(failures.Count + " threads failed, first: " + failures[0]);
            }
        }
    }
}
