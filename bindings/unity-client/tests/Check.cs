using System;
using System.Collections.Generic;

namespace WxsubClient.Tests
{
    /// <summary>What a test asserts.</summary>
    internal static class Check
    {
        internal static void True(bool condition, string what)
        {
            if (!condition)
            {
                throw new Exception("not so: " + what);
            }
        }

        internal static void Equal<T>(T expected, T actual, string what = "")
        {
            if (!Equals(expected, actual))
            {
                throw new Exception(what + " expected <" + expected + ">, got <" + actual + ">");
            }
        }

        internal static void List(IEnumerable<string> expected, IEnumerable<string> actual, string what = "")
        {
            Equal(string.Join(",", expected), string.Join(",", actual), what);
        }

        internal static void Contains(string part, string whole)
        {
            True(whole.IndexOf(part, StringComparison.Ordinal) >= 0, "<" + whole + "> holds <" + part + ">");
        }
    }
}
