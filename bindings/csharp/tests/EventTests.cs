using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Wxsub.Tests
{
    /// <summary>HandleEvent: what is WeChat's counts, each act once; what is not changes nothing.</summary>
    internal static class EventTests
    {
        private const string Token = "console-token";

        /// <summary>As the console makes them: the last character's spare bits are not zero.</summary>
        private const string AesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("event: the check of the address", Address);
            tests.Add("event: an answer counts once however often it comes", Once);
            tests.Add("event: XML and JSON, plain, mixed and secure", Modes);
            tests.Add("event: refusals, and several parts", Refusals);
            tests.Add("event: one act that comes both ways counts once", BothWays);
            tests.Add("event: a late result settles what was uncertain", Late);
            tests.Add("event: what is not ours is left to the host", NotOurs);
            tests.Add("event: an encrypted message of another kind is opened", Opened);
            tests.Add("event: plain mode signs no body", Unsigned);
            tests.Add("event: what is not WeChat's changes nothing", NotWeChats);
            tests.Add("event: wrong calls", WrongCalls);
        }

        private static Client Open(string aesKey = null)
        {
            Config config = Simulator.Config();
            config.EventToken = Token;
            config.EventAesKey = aesKey;
            config.EventTrustPlain = aesKey == null ? true : (bool?)null;
            return new Client(config);
        }

        private static void Address()
        {
            using (Client client = Open())
            {
                foreach (string echo in new[] { "5837397520665623", new string('e', 2000) })
                {
                    string query = Verification(Token, echo);
                    Check.Status(Status.Ok, client.HandleEvent(query, null, out string reply));
                    Check.Equal(echo, reply);
                    Check.Status(Status.Ok, client.HandleEvent("?" + query, new byte[0], out reply));
                    Check.Equal(echo, reply);
                }
                Refused(client, Verification("wrong", "1"), null);
            }
        }

        private static void Once()
        {
            using (Client client = Open())
            {
                string player = Simulator.Player("once");
                Pushed pushed = Push(player);
                Result first = Applied(client, pushed);
                Check.Equal(Simulator.Template, first.TemplateId);
                Check.Equal(QuotaChange.Granted, first.Quota);
                Check.Equal(1L, first.Remaining);
                Check.Equal(ResultFlags.None, first.Flags);
                Check.Equal(ResultFlags.Replayed, Applied(client, pushed).Flags);
                Check.Equal(1L, Count(client, player));
                Simulator.Grant(player, 1);
                Check.Status(Status.Ok, client.Send(Simulator.Message(player)));
            }
        }

        private static void Modes()
        {
            using (Client plain = Open())
            using (Client secure = Open(AesKey))
            {
                foreach (string format in new[] { "\"xml\"", "\"json\"", "\"json\",\"numbers_as_strings\":true" })
                {
                    foreach (string mode in new[] { "plain", "mixed", "secure" })
                    {
                        string player = Simulator.Player(mode);
                        Pushed pushed = Push(player, ",\"format\":" + format + Key(AesKey, mode));
                        Check.Equal(1L, Applied(mode == "plain" ? plain : secure, pushed).Remaining, format + " " + mode);
                    }
                }
                Check.Equal(1L, Applied(plain, Push(Simulator.Player("mixed"), Key(AesKey, "mixed"))).Remaining);
            }
        }

        private static void Refusals()
        {
            using (Client client = Open())
            {
                string player = Simulator.Player("refusals");
                string item = "{\"template_id\":\"" + Simulator.Template + "\",\"status\":\"accept\"}";
                string other = "{\"template_id\":\"sim-result\",\"status\":\"accept\"}";
                // Long enough ago: a refusal event right after an accept keeps that one, in doubt of the clocks.
                string earlier = ",\"create_time\":" + (DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 200);
                Result both = Applied(client, Push(player, earlier, "popup", "[" + item + "," + other + "]"));
                Check.Equal("", both.TemplateId, "two parts:");
                Check.Equal(1L, Count(client, player));
                Check.Equal(1L, client.Quota(player, "sim-result").Ensure().Remaining);
                Result off = Applied(client, Push(player, "", "change", "[" + item.Replace("accept", "reject") + "]"));
                Check.Equal(QuotaChange.Cleared, off.Quota);
                Check.Equal(0L, Count(client, player));
                Applied(client, Push(player, "", "popup", "[" + other.Replace("accept", "reject") + "]"));
                Check.Equal(0L, client.Quota(player, "sim-result").Ensure().Remaining);
            }
        }

        private static void BothWays()
        {
            using (Client client = Open())
            {
                string first = Simulator.Player("event-first");
                Applied(client, Push(first));
                Check.Equal(1L, client.Report(first, Simulator.Template, Answer.Accept).Ensure().Remaining);
                string second = Simulator.Player("report-first");
                client.Report(second, Simulator.Template, Answer.Accept).Ensure();
                Result paired = Applied(client, Push(second));
                Check.Equal(QuotaChange.Untouched, paired.Quota);
                Check.Equal(1L, paired.Remaining);
                foreach (string player in new[] { first, second })
                {
                    Check.Equal(1L, Count(client, player), player);
                    Check.Equal(2L, client.Report(player, Simulator.Template, Answer.Accept).Ensure().Remaining, player);
                }
            }
        }

        private static void Late()
        {
            using (Client client = Open())
            {
                string player = Simulator.Player("late");
                Simulator.Accept(client, player);
                Simulator.Fault(player, "\"close\",\"applied\":true");
                var options = new SendOptions { Key = "late" };
                Check.Status(Status.Unknown, client.Send(Simulator.Message(player), options));
                Check.Equal(1L, Count(client, player));
                string id = (string)Json.At(Simulator.Deliveries(player).Single(), "msgid");
                string sent = "[{\"template_id\":\"" + Simulator.Template + "\",\"msg_id\":" + id + ",\"error_code\":0}]";
                Applied(client, Push(player, "", "sent", sent));
                Check.Equal(0L, Count(client, player));
                Check.Equal(ResultFlags.Replayed, client.Send(Simulator.Message(player), options).Ensure().Flags);
            }
        }

        private static void NotOurs()
        {
            using (Client client = Open())
            {
                string player = Simulator.Player("not-ours");
                foreach (string body in new[]
                {
                    "\uFEFF {\"MsgType\":\"text\",\"FromUserName\":\"o\",\"Content\":\"你好\"}",
                    "<xml><MsgType>event</MsgType><Event>user_enter_tempsession</Event></xml>",
                })
                {
                    string query = Push(player).Query;
                    byte[] bytes = Encoding.UTF8.GetBytes(body);
                    Result result = client.HandleEvent(query, bytes, out string reply).Ensure();
                    Check.Equal("", reply);
                    Check.Equal(ResultFlags.NotOurs, result.Flags);
                    client.OpenEvent(query, bytes, out byte[] plain).Ensure();
                    Check.Equal(body, Encoding.UTF8.GetString(plain));
                }
                Check.Equal(0L, Count(client, player));
            }
        }

        private static void Opened()
        {
            const string Gift = "{\"MsgType\":\"event\",\"Event\":\"minigame_deliver_goods\",\"Order\":\"一\"}";
            using (Client client = Open(AesKey))
            {
                Pushed gift = Push("o", Key(AesKey, "secure") + ",\"message\":\"" + Gift.Replace("\"", "\\\"") + "\"");
                client.OpenEvent(gift.Query, gift.Body, out byte[] plain).Ensure();
                Check.Equal(Gift, Encoding.UTF8.GetString(plain));
                Check.Equal(ResultFlags.NotOurs, client.HandleEvent(gift.Query, gift.Body, out string reply).Ensure().Flags);
                Check.Equal("", reply);
                Check.Status(Status.Signature, client.OpenEvent(gift.Query + "1", gift.Body, out plain));
                Check.Equal(0, plain.Length);
                Check.Status(Status.Arg, client.OpenEvent(null, gift.Body, out plain));
                Check.Status(Status.Signature, client.OpenEvent(gift.Query, null, out plain));
                Pushed accept = Push(Simulator.Player("opened"), Key(AesKey, "secure"));
                client.OpenEvent(accept.Query, accept.Body, out plain).Ensure();
                Check.Contains("subscribe_msg_popup_event", Encoding.UTF8.GetString(plain));
                Check.Equal(ResultFlags.None, Applied(client, accept).Flags, "nothing was applied before");
            }
        }

        private static void Unsigned()
        {
            Config config = Simulator.Config();
            config.EventToken = Token;
            using (var client = new Client(config))
            {
                string player = Simulator.Player("unsigned");
                Pushed accept = Push(player);
                Check.Equal(1L, Applied(client, accept).Remaining);
                string later = ",\"create_time\":" + (DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 200);
                string refusal = "[{\"template_id\":\"" + Simulator.Template + "\",\"status\":\"reject\"}]";
                Check.Equal(QuotaChange.Untouched, Applied(client, Push(player, later, "popup", refusal)).Quota);
                string forged = Encoding.UTF8.GetString(accept.Body).Replace("accept", "reject");
                Check.Contains("another body", Refused(client, accept.Query, Encoding.UTF8.GetBytes(forged)));
                Check.Equal(1L, Count(client, player));
            }
        }

        private static void NotWeChats()
        {
            using (Client client = Open())
            using (Client secure = Open(AesKey))
            {
                string player = Simulator.Player("not-wechats");
                Pushed good = Push(player);
                Check.Contains("event.token", Refused(client, Push(player, ",\"token\":\"wrong\"").Query, good.Body));
                Check.Contains("timestamp", Refused(client, Push(player, ",\"timestamp\":\"1600000000\"").Query, good.Body));
                foreach (string query in new[] { "", "a=b", good.Query.Replace("nonce=", "nonce=1") })
                {
                    Refused(client, query, good.Body);
                }
                foreach (byte[] body in new[] { null, new byte[0], new byte[1], new byte[1100000], good.Body.Take(40).ToArray() })
                {
                    Refused(client, good.Query, body);
                }
                Pushed sealedOne = Push(player, Key(AesKey, "secure"));
                Check.Contains("aes_key", Refused(client, sealedOne.Query, sealedOne.Body));
                Check.Contains("aes_key", Refused(secure, good.Query, good.Body));
                foreach (string other in new[] { Key(AesKey, "secure") + ",\"appid\":\"wx9\"", Key(new string('0', 43), "secure") })
                {
                    Pushed foreign = Push(player, other);
                    Refused(secure, foreign.Query, foreign.Body);
                }
                Check.Equal(0L, Count(client, player));
                Check.Equal(0L, Count(secure, player));
            }
        }

        private static void WrongCalls()
        {
            Pushed pushed = Push(Simulator.Player("calls"));
            using (Client client = Open())
            {
                foreach (string query in new[] { null, pushed.Query + "\0", "\uD83C" })
                {
                    Check.Status(Status.Arg, client.HandleEvent(query, pushed.Body, out string reply));
                    Check.Equal("", reply);
                }
            }
            using (Client client = Simulator.Open())
            {
                Result result = Check.Status(Status.Config, client.HandleEvent(pushed.Query, pushed.Body, out string reply));
                Check.Contains("event", result.Message);
                Check.Equal("", reply);
            }
        }

        private static Result Applied(Client client, Pushed pushed)
        {
            Result result = Check.Status(Status.Ok, client.HandleEvent(pushed.Query, pushed.Body, out string reply));
            Check.Equal("success", reply);
            return result;
        }

        private static string Refused(Client client, string query, byte[] body)
        {
            Result result = Check.Status(Status.Signature, client.HandleEvent(query, body, out string reply));
            Check.Equal("", reply);
            Check.Lacks(Token, result.Message);
            Check.Lacks(AesKey, result.Message);
            return result.Message;
        }

        private static long Count(Client client, string player)
        {
            return client.Quota(player, Simulator.Template).Ensure().Remaining;
        }

        private static string Verification(string token, string echo)
        {
            return (string)Json.At(Simulator.Get("/sim/verification?token=" + token + "&echostr=" + echo), "query");
        }

        private static string Key(string key, string mode) => ",\"mode\":\"" + mode + "\",\"aes_key\":\"" + key + "\"";

        /// <summary>What WeChat would push; `more` is further members with a comma before them.</summary>
        private static Pushed Push(string player, string more = "", string kind = "popup", string items = null)
        {
            string answer = "[{\"template_id\":\"" + Simulator.Template + "\",\"status\":\"accept\"}]";
            string token = more.Contains("\"token\"") ? "" : ",\"token\":\"" + Token + "\"";
            object pushed = Simulator.Post(
                "/sim/push",
                "{\"event\":\"" + kind + "\",\"openid\":\"" + player + "\",\"items\":" + (items ?? answer) + token + more + "}");
            return new Pushed((string)Json.At(pushed, "query"), Encoding.UTF8.GetBytes((string)Json.At(pushed, "body")));
        }

        private sealed class Pushed
        {
            internal Pushed(string query, byte[] body)
            {
                Query = query;
                Body = body;
            }

            internal string Query { get; }

            internal byte[] Body { get; }
        }
    }
}
