using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;

namespace WxsubClient.Tests
{
    internal static class AskTests
    {
        private const string Rank = "SYS_MSG_TYPE_RANK";
        private const string WhatsNew = "SYS_MSG_TYPE_WHATS_NEW";

        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("an accept is answered, stored, reported and removed", AcceptIsReported);
            tests.Add("more than three ids: the first three, each once", FirstThree);
            tests.Add("a refusal, and words that begin with accept", Words);
            tests.Add("outside a tap", OutsideTap);
            tests.Add("at the end of the touch that is going on", AtTouchEnd);
            tests.Add("two asks at once", TwoAtOnce);
            tests.Add("a call that is never answered, and one that is answered twice", Unanswered);
            tests.Add("bad ids", BadIds);
            tests.Add("every code of WeChat in words", Codes);
            tests.Add("failures told by their text alone", Texts);
            tests.Add("old base libraries", OldLibraries);
            tests.Add("system types", SystemTypes);
            tests.Add("a WeChat that throws", Throwing);
            tests.Add("what is reported is JSON, whatever an id holds", JsonOfAnything);
        }

        private static void AcceptIsReported()
        {
            var game = new Game();
            AskResult result = game.Ask("A", "B");
            Check.Equal(null, result.Error);
            Check.List(new[] { "A", "B" }, result.Accepted);
            Check.Equal("accept", result.Answers["A"]);
            Check.True(result.Saved, "saved");
            Check.Equal(result.Id, game.Server.Seen.Single().Id);
            Check.Equal("{\"A\":\"accept\",\"B\":\"accept\"}", game.Server.Seen[0].AnswerJson);
            Check.Equal("ask", game.Server.Seen[0].Kind);
            Check.Equal(0, game.Subscriber.Pending);
            Check.Equal(0, game.Stored().Length);
        }

        private static void FirstThree()
        {
            var game = new Game();
            game.Ask("A", "B", "A", "C", "D");
            Check.List(new[] { "A", "B", "C" }, game.Phone.Calls[0]);
        }

        private static void Words()
        {
            var game = new Game();
            game.Phone.Word = "reject";
            Check.Equal(0, game.Ask("A").Accepted.Count);
            Check.Equal("{\"A\":\"reject\"}", game.Server.Seen[0].AnswerJson);
            game.Phone.Word = "acceptWithAudio";
            Check.List(new[] { "A" }, game.Ask("A").Accepted);
        }

        private static void OutsideTap()
        {
            var game = new Game();
            game.Phone.InTap = false;
            AskResult result = game.Ask("A");
            Check.Equal(ErrorCode.Tap, result.Error.Code);
            Check.Contains("can only be invoked by user TAP", result.Error.Message);
            Check.Equal(result.Id, game.Server.Seen.Single().Id);
        }

        private static void AtTouchEnd()
        {
            var game = new Game();
            game.Phone.InTap = false;
            Task<AskResult> asked = game.Subscriber.AskAtTouchEnd("A");
            Check.Equal(0, game.Phone.Calls.Count);
            game.Phone.EndTouch();
            Check.True(asked.IsCompleted, "answered in the touch end");
            Check.List(new[] { "A" }, asked.Result.Accepted);
            game.Phone.EndTouch();
            Check.Equal(1, game.Phone.Calls.Count, "asked once");
        }

        private static void TwoAtOnce()
        {
            var game = new Game();
            game.Phone.Word = null;
            Task<AskResult> first = game.Subscriber.Ask("A");
            Check.Equal(ErrorCode.Busy, game.Subscriber.AskSystem(Rank).Result.Error.Code);
            Check.Equal(1, game.Phone.Calls.Count);
            game.Phone.Answer("accept");
            Check.List(new[] { "A" }, first.Result.Accepted);
            game.Phone.Word = "accept";
            Check.Equal(null, game.Ask("A").Error);
        }

        private static void Unanswered()
        {
            var game = new Game();
            game.Phone.Word = null;
            Task<AskResult> first = game.Subscriber.Ask("A");
            Action<string> answerFirst = game.Phone.Answer;
            game.Pass(59);
            Check.Equal(ErrorCode.Busy, game.Ask("A").Error.Code);
            game.Pass(2);
            Task<AskResult> second = game.Subscriber.Ask("A");
            answerFirst("accept");
            Check.True(first.IsCompleted && !second.IsCompleted, "the late answer is the first call's");
            Check.Equal(ErrorCode.Busy, game.Ask("A").Error.Code, "the second call still runs");
            game.Phone.Answer("accept");
            game.Phone.Answer("accept");
            answerFirst("accept");
            Check.Equal(2, game.Server.Count("A"));
        }

        private static void BadIds()
        {
            foreach (string[] ids in new[]
            {
                null, new string[0], new[] { "A", null }, new[] { "" }, new[] { new string('x', 129) }, new[] { "A", Rank },
            })
            {
                var game = new Game();
                AskResult result = game.Ask(ids);
                Check.Equal(ErrorCode.Ids, result.Error.Code);
                Check.Equal(null, result.Id);
                Check.Equal(0, game.Phone.Calls.Count);
            }
        }

        private static void Codes()
        {
            var words = new HashSet<string>();
            foreach (var known in new Dictionary<int, ErrorCode>
            {
                { 10001, ErrorCode.Ids }, { 10002, ErrorCode.Network }, { 10003, ErrorCode.Network },
                { 10004, ErrorCode.Ids }, { 10005, ErrorCode.Hidden }, { 20001, ErrorCode.Ids },
                { 20002, ErrorCode.Ids }, { 20003, ErrorCode.Ids }, { 20004, ErrorCode.Off },
                { 20005, ErrorCode.Banned }, { 99999, ErrorCode.WeChat },
            })
            {
                var game = new Game();
                game.Phone.FailCode = known.Key;
                game.Phone.FailText = "x";
                foreach (Task<AskResult> asked in new[] { game.Subscriber.Ask("A"), game.Subscriber.AskSystem(Rank) })
                {
                    Check.Equal(known.Value, asked.Result.Error.Code);
                    Check.Equal(known.Key, asked.Result.Error.ErrCode);
                    words.Add(asked.Result.Error.Message);
                }
                Check.Equal("{\"errMsg\":\"x\",\"errCode\":" + known.Key + "}", game.Server.Seen[0].AnswerJson);
            }
            Check.Equal(11, words.Count, "words");
        }

        private static void Texts()
        {
            foreach (var known in new Dictionary<string, ErrorCode>
            {
                { "requestSubscribeMessage:fail The main switch is switched off", ErrorCode.Off },
                { "requestSubscribeMessage:fail last call has not ended", ErrorCode.Busy },
                { "requestSubscribeMessage:fail require user interaction (only in touchend event)", ErrorCode.Tap },
                { "requestSubscribeMessage:fail cancel", ErrorCode.WeChat },
                { new string('x', 5000), ErrorCode.WeChat },
            })
            {
                var game = new Game();
                game.Phone.FailText = known.Key;
                Check.Equal(known.Value, game.Ask("A").Error.Code, known.Key);
                string json = game.Server.Seen.Single().AnswerJson;
                Check.Equal(known.Value == ErrorCode.Off, json.Contains("\"errCode\":20004"), json);
                Check.True(json.Length < 600, "bounded");
            }
        }

        private static void OldLibraries()
        {
            Action<string, string[], string[]> check = (version, ids, expected) =>
            {
                var game = new Game();
                game.Phone.BaseLibrary = version;
                bool isSystem = ids[0].StartsWith("SYS", StringComparison.Ordinal);
                AskResult result = (isSystem ? game.Subscriber.AskSystem(ids) : game.Subscriber.Ask(ids)).Result;
                Check.Equal(expected == null, result.Error != null && result.Error.Code == ErrorCode.Old, version);
                Check.List(expected ?? new string[0], game.Phone.Calls.SelectMany(call => call), version);
            };
            string[] two = { "A", "B" };
            string[] types = { WhatsNew, Rank };
            check("2.4.3", two, null);
            check("2.4.4", two, new[] { "A" });
            check("2.8.3", two, new[] { "A" });
            check("2.8.4", two, two);
            check("2.10.0", two, two);
            check("3", two, two);
            check("", two, two);
            check(null, two, two);
            check("2.9.3", types, null);
            check("2.9.4", types, new[] { Rank });
            check("2.32.0", new[] { WhatsNew }, null);
            check("2.32.1", types, types);
        }

        private static void SystemTypes()
        {
            var game = new Game();
            Check.List(new[] { Rank }, game.Subscriber.AskSystem(Rank).Result.Accepted);
            Check.Equal("system", game.Server.Seen[0].Kind);
            Check.Equal(ErrorCode.Ids, game.Subscriber.AskSystem("A").Result.Error.Code);
        }

        private static void Throwing()
        {
            var game = new Game();
            game.Phone.Step = run => throw new InvalidOperationException("inside");
            AskResult result = game.Ask("A");
            Check.Equal(ErrorCode.WeChat, result.Error.Code);
            Check.Contains("inside", result.Error.Message);
            Check.Contains("inside", game.Subscriber.Sync().Result.Error.Message);
        }

        private static void JsonOfAnything()
        {
            var game = new Game();
            game.Ask("a\"\\\n\u2028😀 b");
            Check.Equal("{\"a\\\"\\\\\\u000a\\u2028\\ud83d\\ude00 b\":\"accept\"}", game.Server.Seen[0].AnswerJson);
        }
    }
}
