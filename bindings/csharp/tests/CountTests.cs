using System;
using System.Collections.Generic;
using System.Linq;

namespace Wxsub.Tests
{
    /// <summary>Report, ReportJson and Quota.</summary>
    internal static class CountTests
    {
        private const string Ok = "\"errMsg\":\"requestSubscribeMessage:ok\"";

        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("count: accept, reject, ban, filter", Answers);
            tests.Add("count: a key counts once", Key);
            tests.Add("count: the object of requestSubscribeMessage", RequestObject);
            tests.Add("count: the object of getSetting", SettingObject);
            tests.Add("count: main switch off, and other failures", FailureObjects);
            tests.Add("count: system types", SystemTypes);
            tests.Add("count: what to ask a player for", Plan);
            tests.Add("count: what is no object", NoObject);
            tests.Add("count: more entries than anybody has", ManyEntries);
        }

        private static void Answers()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("answers");
                Result first = Check.Status(Status.Ok, client.Report(player, "t", Answer.Accept));
                Check.Equal(1L, first.Remaining);
                Check.Equal(QuotaChange.Granted, first.Quota);
                Check.Equal("t", first.TemplateId);
                Check.Equal(2L, client.Report(player, "t", Answer.Accept).Ensure().Remaining);
                Check.Equal(QuotaChange.Untouched, client.Report(player, "t", Answer.Ban).Ensure().Quota);
                Check.Equal(2L, client.Report(player, "t", Answer.Filter).Ensure().Remaining);
                Check.Equal(2L, client.Quota(player, "t").Ensure().Remaining);
                Result rejected = client.Report(player, "t", Answer.Reject).Ensure();
                Check.Equal(0L, rejected.Remaining);
                Check.Equal(QuotaChange.Cleared, rejected.Quota);
                Check.Equal(0L, client.Quota(player, "t").Ensure().Remaining);

                client.Report(player, "t", Answer.Accept).Ensure();
                client.Report(player, "u", Answer.Accept).Ensure();
                client.Report(player, null, Answer.Reject).Ensure();
                Check.Equal(0L, client.Quota(player, "t").Ensure().Remaining, "null is every template:");
                Check.Equal(0L, client.Quota(player, "u").Ensure().Remaining, "null is every template:");
            }
        }

        private static void Plan()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("plan");
                client.Report(player, "t", Answer.Accept).Ensure();
                client.Report(player, "u", Answer.Reject).Ensure();
                const string Request = "{\"templates\":[{\"id\":\"t\",\"keep\":1},{\"id\":\"u\"},{\"id\":\"v\"}]}";
                client.Ask(player, Request, out string reply).Ensure();
                Check.Equal(
                    "{\"ask\":[\"v\"],\"counts\":{\"t\":1,\"u\":0,\"v\":0},"
                        + "\"why\":{\"t\":\"stocked\",\"u\":\"refused\",\"v\":\"ask\"}}",
                    reply);
                Check.Status(Status.Arg, client.Ask(player, "{\"templates\":[]}", out reply));
                Check.Equal("", reply);
                Check.Status(Status.Arg, client.Ask(null, Request, out reply));
            }
        }

        private static void Key()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("key");
                Check.Equal(ResultFlags.None, client.Report(player, "t", Answer.Accept, "k-1").Ensure().Flags);
                Result again = client.Report(player, "t", Answer.Accept, "k-1").Ensure();
                Check.Equal(ResultFlags.Replayed, again.Flags);
                Check.Equal(1L, client.Quota(player, "t").Ensure().Remaining);
                Check.Equal(2L, client.Report(player, "t", Answer.Accept, "k-2").Ensure().Remaining);
                Check.Equal(3L, client.Report(player, "t", Answer.Accept, "").Ensure().Remaining, "empty is no key:");
            }
        }

        private static void RequestObject()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("object");
                Result[] results = client.ReportJson(
                    player,
                    "{\"zz\":\"accept\"," + Ok + ",\"aa\":\"reject\",\"模板\":\"acceptWithAudio\",\"mm\":\"maybe\",\"bb\":\"ban\"}");
                Check.Equal("zz aa 模板 mm bb", string.Join(" ", results.Select(r => r.TemplateId)), "the object's order:");
                Check.Equal("0 0 0 1 0", string.Join(" ", results.Select(r => (int)r.Status)));
                Check.Equal("4 3 4 0 0", string.Join(" ", results.Select(r => (int)r.Quota)));
                Check.Equal(1L, client.Quota(player, "模板").Ensure().Remaining);
                Check.Equal(1L, results[0].Remaining);
                client.ReportJson(player, "{\"zz\":\"accept\"," + Ok + "}", "once");
                Result again = client.ReportJson(player, "{\"zz\":\"accept\"," + Ok + "}", "once").Single();
                Check.Equal(ResultFlags.Replayed, again.Flags);
                Check.Equal(2L, client.Quota(player, "zz").Ensure().Remaining);
            }
        }

        private static void SettingObject()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("setting");
                client.Report(player, "a", Answer.Accept).Ensure();
                client.Report(player, "b", Answer.Accept).Ensure();
                const string Setting = "{\"mainSwitch\":true,\"itemSettings\":{\"a\":\"accept\",\"b\":\"reject\"}}";
                Result[] results = client.ReportJson(player, "{\"authSetting\":{},\"subscriptionsSetting\":" + Setting + "}");
                Check.Equal("a b", string.Join(" ", results.Select(r => r.TemplateId)));
                Check.Equal(1L, client.Quota(player, "a").Ensure().Remaining, "a state is no grant:");
                Check.Equal(0L, client.Quota(player, "b").Ensure().Remaining);
                Check.Equal(2, client.ReportJson(player, Setting).Length, "bare subscriptionsSetting:");
                client.ReportJson(player, "{\"mainSwitch\":false}");
                Check.Equal(0L, client.Quota(player, "a").Ensure().Remaining);
            }
        }

        private static void FailureObjects()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("failure");
                client.Report(player, "a", Answer.Accept).Ensure();
                Check.Equal(0, client.ReportJson(player, "{\"errMsg\":\"x:fail\",\"errCode\":10002}").Length);
                Check.Equal(1L, client.Quota(player, "a").Ensure().Remaining);
                Result all = client.ReportJson(player, "{\"errMsg\":\"x:fail\",\"errCode\":20004}").Single();
                Check.Status(Status.Ok, all);
                Check.Equal("", all.TemplateId);
                Check.Equal(0L, client.Quota(player, "a").Ensure().Remaining);
                Check.Equal(0, client.ReportJson(player, "{" + Ok + "}").Length, "an answer for nothing:");
            }
        }

        private static void SystemTypes()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("system");
                client.ReportJson(
                    player,
                    "{\"SYS_MSG_TYPE_RANK\":\"accept\",\"SYS_MSG_TYPE_INTERACTIVE\":\"reject\",\"errMsg\":\"requestSubscribeSystemMessage:ok\"}");
                Check.Equal(1L, client.Quota(player, "SYS_MSG_TYPE_RANK").Ensure().Remaining);
                client.Report(player, "SYS_MSG_TYPE_RANK", Answer.Accept).Ensure();
                Check.Equal(1L, client.Quota(player, "SYS_MSG_TYPE_RANK").Ensure().Remaining, "on, not counted:");
                Check.Equal(0L, client.Quota(player, "SYS_MSG_TYPE_INTERACTIVE").Ensure().Remaining);
                Check.Status(Status.Arg, client.Send(new Message(player, "SYS_MSG_TYPE_RANK").Set("thing1", "x")));
            }
        }

        private static void NoObject()
        {
            using (Client client = Simulator.Open())
            {
                foreach (string json in new[] { null, "", "x", "[]", "{", "7", "\"a\":", "{\"a\":\"accept\"}\0", "{\"\uD83C\":\"accept\"}" })
                {
                    Result only = client.ReportJson("p", json).Single();
                    Check.Status(Status.Arg, only);
                    Check.True(only.Message.Length > 0, "it says why");
                }
                Check.Status(Status.Arg, client.ReportJson(null, "{}").Single());
            }
        }

        private static void ManyEntries()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("many");
                Func<int, string> accepts = many =>
                    "{" + string.Join(",", Enumerable.Range(0, many).Select(i => "\"t" + i + "\":\"accept\"")) + "}";
                Result[] results = client.ReportJson(player, accepts(64));
                Check.Equal(64, results.Length);
                Check.True(results.All(r => r.IsOk && r.Remaining == 1), "each counts one");
                Check.Equal(Status.Arg, client.ReportJson(player, accepts(65)).Single().Status, "more than 64:");
                Check.Equal(1L, client.Quota(player, "t0").Ensure().Remaining);
                string huge = "{\"a\":\"" + new string(':', 5000000) + "\"}";
                Check.Equal(Status.Arg, client.ReportJson(player, huge).Single().Status, "no memory for colons:");
            }
        }
    }
}
