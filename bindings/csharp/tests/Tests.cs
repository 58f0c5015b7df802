using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace Wxsub.Tests
{
    /// <summary>
    /// Runs every test, one after the other, against a simulator that may be shared with other programs: each test has
    /// players of its own. Environment: WXSUB_SIM (its address), WXSUB_APPID, WXSUB_SECRET, WXSUB_HEADER (wxsub.h).
    /// </summary>
    internal static class Tests
    {
        private static int Main(string[] args)
        {
            if (args.Length == 2 && args[0] == "--unusable")
            {
                return Unusable(args[1]);
            }
            if (args.Length == 1 && args[0] == "--host")
            {
                return SimulatorTests.Host();
            }
            var tests = new List<KeyValuePair<string, Action>>();
            HeaderTests.AddTo(tests);
            BuilderTests.AddTo(tests);
            CountTests.AddTo(tests);
            SendTests.AddTo(tests);
            SubmitTests.AddTo(tests);
            OutboxTests.AddTo(tests);
            TicketsTests.AddTo(tests);
            EventTests.AddTo(tests);
            AccountTests.AddTo(tests);
            ErrorTests.AddTo(tests);
            LogTests.AddTo(tests);
            LifeTests.AddTo(tests);
            SimulatorTests.AddTo(tests);

            Console.WriteLine("wxsub " + Library.Version + " on " + Environment.Version);
            int failed = 0;
            foreach (KeyValuePair<string, Action> test in tests)
            {
                failed += Passes(test.Key, test.Value) ? 0 : 1;
            }
            Console.WriteLine((tests.Count - failed) + " passed, " + failed + " failed");
            return failed == 0 ? 0 : 1;
        }

        internal static void Add(this List<KeyValuePair<string, Action>> tests, string name, Action test)
        {
            tests.Add(new KeyValuePair<string, Action>(name, test));
        }

        private static bool Passes(string name, Action test)
        {
            var clock = Stopwatch.StartNew();
            try
            {
                test();
                Console.WriteLine("ok      " + name + " (" + clock.ElapsedMilliseconds + " ms)");
                return true;
            }
            catch (Exception e)
            {
                Console.WriteLine("FAILED  " + name + "\n" + e);
                return false;
            }
        }

        /// <summary>With a library that is missing, foreign or too old: a clear exception, wherever one begins.</summary>
        private static int Unusable(string expected)
        {
            bool passed = Passes("unusable library: " + expected, () =>
            {
                foreach (Action use in new Action[]
                {
                    () => new Client("{}"),
                    () => Client.Open("{}", out _),
                    () => Library.Version.ToString(),
                    () => Library.StatusName(Status.Ok),
                })
                {
                    Check.Contains(expected, Check.Throws<LibraryException>(use).Message);
                }
                Library.CloseAll();
            });
            Console.WriteLine(passed ? "1 passed, 0 failed" : "0 passed, 1 failed");
            return passed ? 0 : 1;
        }
    }
}
