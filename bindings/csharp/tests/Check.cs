using System;

namespace Wxsub.Tests
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

        internal static void Contains(string part, string whole)
        {
            True(whole.IndexOf(part, StringComparison.Ordinal) >= 0, "<" + whole + "> holds <" + part + ">");
        }

        internal static void Lacks(string part, string whole)
        {
            True(whole.IndexOf(part, StringComparison.Ordinal) < 0, "<" + whole + "> lacks <" + part + ">");
        }

        internal static Result Status(Status expected, Result result)
        {
            Equal(expected, result.Status, result + ":");
            return result;
        }

        internal static T Throws<T>(Action action)
            where T : Exception
        {
            try
            {
                action();
            }
            catch (T e)
            {
                return e;
            }
            throw new Exception("expected " + typeof(T).Name);
        }
    }
}
