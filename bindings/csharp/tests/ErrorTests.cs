using System;
using System.Collections.Generic;

namespace Wxsub.Tests
{
    /// <summary>Bad input and bad answers: each a verdict, none an exception.</summary>
    internal static class ErrorTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("error: configurations", Configurations);
            tests.Add("error: null and broken text", BrokenText);
            tests.Add("error: messages", Messages);
            tests.Add("error: WeChat's answers", Answers);
            tests.Add("error: nobody there", NobodyThere);
            tests.Add("error: exceptions for those who ask", Exceptions);
        }

        private static void Configurations()
        {
            foreach (string json in new[] { null, "", "{", "[]", "{\"appid\":\"wx\"\0}" })
            {
                Check.True(Client.Open(json, out Result why) == null, "no client");
                Check.True(why.Status == Status.Arg || why.Status == Status.Config, why.ToString());
                Check.True(why.Message.Length > 0, "it says why");
            }
            Check.True(Client.Open("{\"appid\":\"wx1\",\"secret\":\"geheim-1\",\"tokn\":\"x\"}", out Result typo) == null, "no client");
            Check.Status(Status.Config, typo);
            Check.Contains("tokn", typo.Message);
            Check.Contains("token", typo.Message);
            Check.Lacks("geheim-1", typo.ToString());
            Config config = Simulator.Config();
            config.Store = "/nowhere/at/all/wxsub.db";
            Check.True(Client.Open(config, out Result store) == null, "no client");
            Check.Status(Status.Store, store);
            Check.True(Client.Open((Config)null, out Result none) == null, "no client");
            Check.Status(Status.Arg, none);
        }

        private static void BrokenText()
        {
            using (Client client = Simulator.Open())
            {
                foreach (string bad in new[] { null, "a\0b", "\uD83C", "x\uDFAE" })
                {
                    string shown = bad == null ? "null" : "broken";
                    Check.Equal(Status.Arg, client.Report(bad, "t", Answer.Accept).Status, shown + " openid:");
                    Check.Equal(Status.Arg, client.Report("p", bad, Answer.Accept).Status, shown + " template:");
                    Check.Equal(Status.Arg, client.Quota(bad, "t").Status, shown + " openid:");
                    Check.Equal(Status.Arg, client.Quota("p", bad).Status, shown + " template:");
                    Check.Equal(Status.Arg, client.Send(bad).Status, shown + " message:");
                    if (bad != null)
                    {
                        Check.Equal(Status.Arg, client.Report("p", "t", Answer.Accept, bad).Status, "broken key:");
                        Check.Equal(Status.Arg, client.Send("{}", bad).Status, "broken options:");
                    }
                }
                foreach (string half in new[] { "\uD83C", "\uDFAE" })
                {
                    string why = client.Report("玩家" + half, "t", Answer.Accept).Message;
                    Check.Contains("half of a character", why);
                    Check.Contains("at offset 6", why);
                }
                Check.Contains("bad byte at offset 1", client.Report("a\0b", "t", Answer.Accept).Message);
                Check.Status(Status.Arg, client.Report("p", "t", (Answer)99));
                Check.Status(Status.Arg, client.Send((Message)null));
                Check.Equal(0L, client.Quota("p", "t").Ensure().Remaining, "nothing was counted:");
                Check.Equal(0L, client.Quota("a", "t").Ensure().Remaining, "nothing was cut at the NUL:");
            }
        }

        private static void Messages()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("messages");
                Simulator.Accept(client, player);
                Check.Status(Status.Message, client.Send(Simulator.Message(player, null)));
                Check.Status(Status.Arg, client.Send(Simulator.Message(player, "half \uD83C")));
                Check.Status(Status.Arg, client.Send(new Message(null, Simulator.Template).Set("thing1", "x")));
                Check.Equal(0, Simulator.Requests(player), "none was sent:");
                foreach (string text in new[] { new string('长', 21), "a\nb", "tab\t", "" })
                {
                    Result refused = Check.Status(Status.Message, client.Send(Simulator.Message(player, text)));
                    Check.Contains("thing1", refused.Message);
                }
                Check.Equal(0, Simulator.Deliveries(player).Count, "none has arrived:");
                Check.Equal(1L, client.Quota(player, Simulator.Template).Ensure().Remaining, "none was spent:");
            }
        }

        private static void Answers()
        {
            using (Client client = Simulator.Open())
            {
                Verdict(client, "\"errcode\",\"errcode\":43101", Status.Refused, Retry.Never, QuotaChange.Cleared, 43101, 0);
                Verdict(client, "\"errcode\",\"errcode\":40003", Status.Message, Retry.Never, QuotaChange.Returned, 40003, 1);
                Verdict(client, "\"errcode\",\"errcode\":87009", Status.WeChat, Retry.Never, QuotaChange.Returned, 87009, 1);
                Verdict(client, "\"garbage\",\"text\":\"<html>\"", Status.Unknown, Retry.Unsafe, QuotaChange.Returned, 0, 1);
                Verdict(client, "\"reset\"", Status.Unknown, Retry.Unsafe, QuotaChange.Returned, 0, 1);
                // The last one: the library lets the template rest after it.
                Verdict(client, "\"errcode\",\"errcode\":43107", Status.Banned, null, QuotaChange.Returned, 43107, 1);
            }
        }

        private static void Verdict(
            Client client, string fault, Status status, Retry? retry, QuotaChange quota, int errcode, long left)
        {
            string player = Simulator.Player("verdict");
            Simulator.Accept(client, player);
            Simulator.Fault(player, fault);
            Result result = Check.Status(status, client.Send(Simulator.Message(player)));
            Check.Equal(retry ?? result.Retry, result.Retry, fault);
            Check.Equal(quota, result.Quota, fault);
            Check.Equal(errcode, result.Errcode, fault);
            Check.Equal(left, client.Quota(player, Simulator.Template).Ensure().Remaining, fault);
        }

        private static void NobodyThere()
        {
            Config config = Simulator.Config();
            config.ApiBase = new[] { "http://127.0.0.1:9" };
            config.TimeoutMs = 1000;
            using (var client = new Client(config))
            {
                client.Report("p", Simulator.Template, Answer.Accept).Ensure();
                Result result = Check.Status(Status.Connect, client.Send(Simulator.Message("p")));
                Check.Equal(Retry.Later, result.Retry);
                Check.Equal(1L, client.Quota("p", Simulator.Template).Ensure().Remaining);
                Check.Lacks(Simulator.Secret, result.ToString());
            }
        }

        private static void Exceptions()
        {
            var refused = Check.Throws<WxsubException>(() => new Client("{\"appid\":\"\",\"secret\":\"geheim-2\"}"));
            Check.Equal(Status.Config, refused.Result.Status);
            Check.Contains("WXSUB_E_CONFIG", refused.Message);
            Check.Lacks("geheim-2", refused.ToString());
            using (Client client = Simulator.Open())
            {
                Result fine = client.Report(Simulator.Player("ensure"), "t", Answer.Accept);
                Check.True(ReferenceEquals(fine, fine.Ensure()), "Ensure gives the result back");
                var thrown = Check.Throws<WxsubException>(() => client.Send(Simulator.Message("nobody")).Ensure());
                Check.Equal(Status.NoQuota, thrown.Result.Status);
            }
        }
    }
}
