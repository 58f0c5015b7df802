using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Wxsub.Tests
{
    /// <summary>Send, with what the simulator then holds to have been delivered.</summary>
    internal static class SendTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("send: accept, 1, sent, 0, turned down", HappyPath);
            tests.Add("send: Chinese, emoji and quotes arrive as they are", Text);
            tests.Add("send: page, state and language", Fields);
            tests.Add("send: options: key, tag, timeout", Options);
            tests.Add("send: many threads, each unit once", Threads);
            tests.Add("send: an external token", ExternalToken);
            tests.Add("send: observe sends at 0", Observe);
        }

        private static void HappyPath()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("happy");
                Simulator.Accept(client, player);
                Check.Equal(1L, client.Quota(player, Simulator.Template).Ensure().Remaining);
                Result sent = Check.Status(Status.Ok, client.Send(Simulator.Message(player)));
                Check.Equal(QuotaChange.Spent, sent.Quota);
                Check.Equal(0L, sent.Remaining);
                Check.Equal(200, sent.HttpStatus);
                Check.Equal(1u, sent.Attempts);
                Check.Equal(Simulator.Template, sent.TemplateId);
                Check.True(sent.MsgId > int.MaxValue, "the message id is an int64");
                Check.Equal(0L, client.Quota(player, Simulator.Template).Ensure().Remaining);

                int requests = Simulator.Requests(player);
                Result second = Check.Status(Status.NoQuota, client.Send(Simulator.Message(player)));
                Check.Equal(Retry.Never, second.Retry);
                Check.Equal(0u, second.Attempts);
                Check.Contains("WXSUB_E_NO_QUOTA (20): ", second.ToString());
                Check.Equal(requests, Simulator.Requests(player), "WeChat was not called:");
                object delivery = Simulator.Deliveries(player).Single();
                Check.Equal(sent.MsgId.ToString(), (string)Json.At(delivery, "msgid"));
            }
        }

        private static void Text()
        {
            using (Client client = Simulator.Open())
            {
                foreach (string text in new[] { "体力已满，快来玩🎮！", "\"引号\" \\ / 'x'", "é ñ ß Ω 𝒳 👨‍👩‍👧", "</script>&amp;%s{0}" })
                {
                    string player = Simulator.Player("text");
                    Simulator.Accept(client, player);
                    Check.Status(Status.Ok, client.Send(Simulator.Message(player, text)));
                    object delivery = Simulator.Deliveries(player).Single();
                    Check.Equal(text, (string)Json.At(delivery, "data", "thing1", "value"));
                }
            }
        }

        private static void Fields()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("fields");
                Simulator.Accept(client, player);
                client.Send(Simulator.Message(player).Page("index?a=1&b=二").MiniprogramState("trial").Lang("en_US")).Ensure();
                object delivery = Simulator.Deliveries(player).Single();
                Check.Equal("index?a=1&b=二", (string)Json.At(delivery, "page"));
                Check.Equal("trial", (string)Json.At(delivery, "miniprogram_state"));
                Check.Equal("en_US", (string)Json.At(delivery, "lang"));
            }
        }

        private static void Options()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("options");
                Simulator.Accept(client, player, 2);
                var options = new SendOptions { Key = "战报-1", Tag = ulong.MaxValue };
                Result sent = client.Send(Simulator.Message(player), options).Ensure();
                Check.Equal(ulong.MaxValue, sent.Tag);
                Check.Equal("战报-1", sent.Key);
                Result again = client.Send(Simulator.Message(player), options).Ensure();
                Check.Equal(ResultFlags.Replayed, again.Flags);
                Check.Equal(sent.MsgId, again.MsgId);
                Check.Equal(1, Simulator.Deliveries(player).Count);
                Check.Status(Status.Arg, client.Send(Simulator.Message(player).ToJson(), "{\"kye\":\"x\"}"));

                Simulator.Fault(player, "\"stall\"");
                Result late = client.Send(Simulator.Message(player), new SendOptions { TimeoutMs = 400 });
                Check.Status(Status.Unknown, late);
                Check.Equal(Retry.Unsafe, late.Retry);
                Check.Equal(QuotaChange.Returned, late.Quota);
                Check.True(late.ElapsedMs >= 300 && late.ElapsedMs < 3000, "400 ms: " + late.ElapsedMs);
            }
        }

        private static void Threads()
        {
            const int Players = 8;
            const int Units = 5;
            using (Client client = Simulator.Open())
            {
                string[] players = Enumerable.Range(0, Players).Select(i => Simulator.Player("thread" + i)).ToArray();
                foreach (string player in players)
                {
                    Simulator.Accept(client, player, Units);
                }
                var verdicts = new Dictionary<Status, int>();
                Workers.Run(Players * 3, n =>
                {
                    for (int i = 0; i < 3; i++)
                    {
                        Result result = client.Send(Simulator.Message(players[n % Players], "第" + n + "·" + i));
                        client.Quota(players[n % Players], Simulator.Template).Ensure();
                        lock (verdicts)
                        {
                            verdicts.TryGetValue(result.Status, out int had);
                            verdicts[result.Status] = had + 1;
                        }
                    }
                });
                string seen = string.Join(", ", verdicts.Select(v => v.Key + " " + v.Value));
                Check.True(verdicts.Count == 2, "only sent and no quota: " + seen);
                Check.Equal(Players * Units, verdicts[Status.Ok], seen);
                foreach (string player in players)
                {
                    Check.Equal(Units, Simulator.Deliveries(player).Count, player);
                    Check.Equal(0L, client.Quota(player, Simulator.Template).Ensure().Remaining);
                }
            }
        }

        private static void ExternalToken()
        {
            Config config = Simulator.Config();
            config.Token = "external";
            config.Secret = null;
            using (var client = new Client(config))
            {
                string player = Simulator.Player("external");
                Simulator.Accept(client, player);
                Check.Status(Status.Auth, client.Send(Simulator.Message(player)));
                Check.Status(Status.Arg, client.SetToken("x", 0));
                Check.Status(Status.Arg, client.SetToken(null, 7200));
                using (Client other = Simulator.Open())
                {
                    Check.Status(Status.Arg, other.SetToken("x", 7200));
                    string first = Simulator.Player("first");
                    Simulator.Accept(other, first);
                    other.Send(Simulator.Message(first)).Ensure();
                }
                string token = CurrentToken(Simulator.Get("/sim/token"));
                Check.Status(Status.Ok, client.SetToken(token, 7200));
                Check.Status(Status.Ok, client.Send(Simulator.Message(player)));
            }
        }

        /// <summary>The stable token, as the simulator shows it: a text, or an object that holds one.</summary>
        private static string CurrentToken(object tokens)
        {
            object stable = Json.At(tokens, "stable");
            return stable as string ?? (string)Json.At(stable, "token");
        }

        private static void Observe()
        {
            Config config = Simulator.Config();
            config.Quota = "observe";
            using (var client = new Client(config))
            {
                string player = Simulator.Player("observe");
                Simulator.Grant(player, 1);
                Check.Status(Status.Ok, client.Send(Simulator.Message(player)));
            }
        }
    }
}
