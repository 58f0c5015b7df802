using System;
using System.Collections.Generic;

namespace WxsubClient.Tests
{
    /// <summary>Runs every test, one after the other.</summary>
    internal static class Tests
    {
        private static int Main()
        {
            var tests = new List<KeyValuePair<string, Action>>();
            AskTests.AddTo(tests);
            OutboxTests.AddTo(tests);
            KillTests.AddTo(tests);
            int failed = 0;
            foreach (KeyValuePair<string, Action> test in tests)
            {
                try
                {
                    test.Value();
                    Console.WriteLine("ok      " + test.Key);
                }
                catch (Exception e)
                {
                    failed++;
                    Console.WriteLine("FAILED  " + test.Key + "\n" + e);
                }
            }
            Console.WriteLine((tests.Count - failed) + " passed, " + failed + " failed");
            return failed == 0 ? 0 : 1;
        }

        internal static void Add(this List<KeyValuePair<string, Action>> tests, string name, Action test)
        {
            tests.Add(new KeyValuePair<string, Action>(name, test));
        }
    }
}
