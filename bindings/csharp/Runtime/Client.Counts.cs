using System;

namespace Wxsub
{
    // What players answered, how many messages they allow, and what to ask them for.
    public sealed partial class Client
    {
        /// <summary>
        /// A player's object has a handful of entries. The object comes from a player's machine, though, and memory for
        /// results must not grow with whatever is sent.
        /// </summary>
        private const int MostResults = 1024;

        /// <summary>More than any plan for the 64 templates of a request.</summary>
        private const int LongestReply = 65536;

        /// <summary>
        /// Tells what a player answered for one template. When the result is Ok, an accept is on disk (a few
        /// milliseconds). System types ("SYS_MSG_TYPE_...") are remembered as on or off and never counted.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">
        /// The template; null with <see cref="Answer.Reject"/>: every template of this player (the main switch is off).
        /// </param>
        /// <param name="answer">The answer.</param>
        /// <param name="key">
        /// An id of this one answer, at most 512 bytes: a second report with it changes nothing and answers as the
        /// first did. Give one whenever your own retry could repeat the call. Null for none.
        /// </param>
        /// <returns>
        /// Ok with the count now in <see cref="Result.Remaining"/>; or Arg, State, Forked, Store. Store with Retry Unsafe (Redis): it
        /// may be counted, and only the same key makes another call safe.
        /// </returns>
        public Result Report(string openid, string templateId, Answer answer, string key = null)
        {
            var result = new ResultBuffer();
            Native.wxsub_report(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(templateId), (int)answer, Utf8.Bytes(key), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Tells what a player's game client got from WeChat, untouched: the object of wx.requestSubscribeMessage,
        /// wx.requestSubscribeSystemMessage or wx.getSetting({withSubscriptions: true}).
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="json">The object, as JSON.</param>
        /// <param name="key">As in <see cref="Report"/>, for each template of its own.</param>
        /// <returns>
        /// One result per template, in the object's own order, none if the object answers for none; each is a verdict
        /// of its own. When nothing was changed at all (Arg, State, Forked, Store): one result that says why; with
        /// Retry Unsafe (Redis) it is not known, and only the same key makes another call safe. All
        /// entries are applied, but results beyond 1024 are not handed back.
        /// </returns>
        public Result[] ReportJson(string openid, string json, string key = null)
        {
            var results = new ResultBuffer(MostEntries(json));
            int status = Native.wxsub_report_json(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(json), Utf8.Bytes(key),
                results.Bytes, (UIntPtr)results.Capacity, out UIntPtr count);
            ulong there = status == (int)Status.Ok ? (ulong)count : 1;
            return results.Take((int)Math.Min(there, (ulong)results.Capacity));
        }

        /// <summary>Asks how many messages a player still allows from a template; for a system type 1 or 0.</summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">The template.</param>
        /// <returns>Ok with the count in <see cref="Result.Remaining"/>; or Arg, State, Forked, Store.</returns>
        public Result Quota(string openid, string templateId)
        {
            var why = new ResultBuffer();
            Native.wxsub_quota(_handle, Utf8.Bytes(openid), Utf8.Bytes(templateId), out _, why.Bytes);
            return why[0];
        }

        /// <summary>
        /// Which templates to ask a player for now: fetch it when he logs in and after each answer, for the game's next
        /// tap. Reads the store only.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="request">
        /// JSON: <c>{"templates":[{"id","keep"},…],"most"}</c>, the templates in order of worth; <c>keep</c> (3): a count of
        /// so many is enough; <c>most</c> (3): so many are asked for at once.
        /// </param>
        /// <param name="reply">
        /// JSON: <c>{"ask":[ID,…],"counts":{ID:N},"why":{ID:"ask", "stocked", "refused" or "banned"}}</c>; empty unless the
        /// result is Ok.
        /// </param>
        /// <returns>Ok, Arg, State, Forked, Store.</returns>
        public Result Ask(string openid, string request, out string reply)
        {
            var answer = new byte[LongestReply];
            var why = new ResultBuffer();
            Native.wxsub_ask(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(request),
                answer, (UIntPtr)answer.Length, out UIntPtr length, why.Bytes);
            Result result = why[0];
            reply = result.IsOk ? Utf8.Text(answer, length) : "";
            return result;
        }

        /// <summary>No object has more entries than colons; at least one, for the reason of a failure.</summary>
        private static int MostEntries(string json)
        {
            int colons = 0;
            for (int i = 0; json != null && i < json.Length && colons < MostResults; i++)
            {
                if (json[i] == ':')
                {
                    colons++;
                }
            }
            return Math.Max(colons, 1);
        }
    }
}
