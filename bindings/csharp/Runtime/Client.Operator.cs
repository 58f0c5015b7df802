using System;

namespace Wxsub
{
    // What an operator asks.
    public sealed partial class Client
    {
        /// <summary>
        /// Answers an operator's question about the ledger, such as <c>{"do":"players"}</c>: JSON in, JSON out. wxsub.h has
        /// every request and reply at wxsub_admin. For consoles and exports: the game itself needs nothing of it.
        /// </summary>
        /// <param name="request">The request, a JSON object with its name in "do".</param>
        /// <param name="reply">The reply, a JSON object; empty unless the result is Ok.</param>
        /// <returns>Ok; Arg: the request is not understood, and the message has the nearest known word. Or Store, State,
        /// Forked.</returns>
        public Result Admin(string request, out string reply)
        {
            // Every reply fits into 64 KiB; with more a page has all the rows that it was asked for.
            var answer = new byte[256 * 1024];
            var why = new ResultBuffer();
            Native.wxsub_admin(
                _handle, Utf8.Bytes(request), answer, (UIntPtr)answer.Length, out UIntPtr length, why.Bytes);
            reply = Utf8.Text(answer, length);
            return why[0];
        }

        /// <summary>The numbers of this client in Prometheus' text format, for an endpoint of yours.</summary>
        /// <param name="text">The text; empty unless the result is Ok.</param>
        /// <returns>Ok; or Store, State, Forked.</returns>
        public Result Metrics(out string text)
        {
            Result result = Admin("{\"do\":\"metrics\"}", out string reply);
            // {"metrics":"..."}, where nothing but quotes and line breaks is escaped.
            const string Begin = "{\"metrics\":\"";
            const string End = "\"}";
            text = result.IsOk
                ? reply.Substring(Begin.Length, reply.Length - Begin.Length - End.Length)
                    .Replace("\\n", "\n").Replace("\\\"", "\"")
                : "";
            return result;
        }

        /// <summary>
        /// Tells an operator in words whether it will work: store, network, clock, appid, secret, IP (and which one to
        /// allow), templates. At most the configured time (5 s); sends nothing.
        /// </summary>
        /// <returns>
        /// Its <see cref="Result.Message"/> tells all, its status is that of the first thing that is wrong. The log
        /// (<see cref="LogLevel.Info"/>) has the whole text, should it be longer than a message.
        /// </returns>
        public Result Check()
        {
            var result = new ResultBuffer();
            Native.wxsub_check(_handle, result.Bytes);
            return result[0];
        }

        /// <summary>Tells what the client has done since it was opened, and what waits now.</summary>
        /// <param name="stats">The numbers; all 0 unless the result is Ok.</param>
        /// <returns>Ok, also after <see cref="Shutdown"/>; or State, Forked, Store.</returns>
        public Result GetStats(out Stats stats)
        {
            var buffer = new StatsBuffer();
            var result = new Result(Native.wxsub_get_stats(_handle, buffer.Bytes));
            stats = result.IsOk ? new Stats(buffer.Bytes) : default(Stats);
            return result;
        }
    }
}
