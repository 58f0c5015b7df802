using System;
using System.Collections.Generic;
using System.Linq;
using WeChatWASM;

namespace WxsubClient.Tests
{
    internal static class OutboxTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("stored before it is reported", StoredFirst);
            tests.Add("order and growing pauses", OrderAndPauses);
            tests.Add("one report at a time; a silent server is given 30 seconds", Silent);
            tests.Add("a report that throws", ThrowingReport);
            tests.Add("an answer that was lost on its way back counts once", Lost);
            tests.Add("a clock that jumps back", Clock);
            tests.Add("a storage that is full", StorageFull);
            tests.Add("a storage that can not be read is not overwritten", StorageUnreadable);
            tests.Add("a reading that fails once loses no answer", OneReadingFails);
            tests.Add("a storage of another make is begun anew", ForeignStorage);
            tests.Add("fifty answers at most; failures make room", Bounds);
            tests.Add("settings: what is reported, what is replaced", Settings);
            tests.Add("settings that can not be read", NoSettings);
            tests.Add("can ask silently", Silently);
            tests.Add("without a report", NoReport);
        }

        private static void StoredFirst()
        {
            var phone = new FakePhone();
            WXBase.Phone = phone;
            string atReport = "";
            var subscriber = new Subscriber((report, done) =>
            {
                atReport = phone.Storage["wxsub.answers"];
                Check.Contains(report.Id, atReport);
                done(true);
            });
            Check.Contains(subscriber.Ask("A").Result.Id, atReport);
        }

        private static void OrderAndPauses()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Down;
            game.Ask("A");
            game.Pass(3600);
            Check.True(game.Server.Requests > 15 && game.Server.Requests < 35, game.Server.Requests + " tries in an hour");
            game.Ask("B");
            game.Ask("C");
            game.Server.Now = FakeServer.Mode.Ok;
            game.Pass(301);
            string[] expected = { "{\"A\":\"accept\"}", "{\"B\":\"accept\"}", "{\"C\":\"accept\"}" };
            Check.List(expected, game.Server.Seen.Select(report => report.AnswerJson));
            game.Server.Now = FakeServer.Mode.Down;
            int before = game.Server.Requests;
            game.Ask("D");
            game.Pass(1.2);
            Check.True(game.Server.Requests >= before + 2, "after a success the pauses begin anew");
        }

        private static void Silent()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Silent;
            game.Ask("A");
            game.Ask("B");
            game.Pass(29);
            Check.Equal(1, game.Server.Requests);
            game.Server.Now = FakeServer.Mode.Ok;
            game.Pass(5);
            Check.Equal(1, game.Server.Count("A"));
            Check.Equal(1, game.Server.Count("B"));
        }

        private static void ThrowingReport()
        {
            WXBase.Phone = new FakePhone();
            int tries = 0;
            var errors = new List<string>();
            var subscriber = new Subscriber(
                (report, done) =>
                {
                    if (++tries == 1)
                    {
                        throw new InvalidOperationException("thrown");
                    }
                    done(true);
                },
                onError: error =>
                {
                    errors.Add(error.Message);
                    throw new Exception("a handler that fails");
                });
            Check.Equal(null, subscriber.Ask("A").Result.Error);
            subscriber.Update(2);
            Check.Equal(2, tries);
            Check.Equal(0, subscriber.Pending);
            Check.List(new[] { "thrown" }, errors);
        }

        private static void Lost()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Lost;
            game.Ask("A");
            game.Pass(5);
            game.Server.Now = FakeServer.Mode.Ok;
            game.Pass(20);
            Check.True(game.Server.Requests > 2, game.Server.Requests + " requests");
            Check.Equal(1, game.Server.Count("A"));
            Check.Equal(0, game.Subscriber.Pending);
        }

        private static void Clock()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Down;
            game.Subscriber.Update(1000);
            game.Ask("A");
            int before = game.Server.Requests;
            game.Subscriber.Update(-5);
            game.Subscriber.Update(double.MinValue);
            Check.Equal(before, game.Server.Requests);
            game.Subscriber.Update(1002);
            Check.Equal(before + 1, game.Server.Requests);
        }

        private static void StorageFull()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Down;
            game.Phone.StorageFull = true;
            Check.True(!game.Ask("A").Saved && game.Subscriber.Pending == 1, "kept in memory, told as not saved");
            Check.Contains("did not take", game.Errors[0]);
            game.Phone.StorageFull = false;
            Check.True(game.Ask("B").Saved, "saved");
            Check.Equal(2, game.Stored().Length, "with what was in memory only");
            game.Phone.StorageFull = true;
            game.Server.Now = FakeServer.Mode.Ok;
            game.Pass(600);
            Check.Equal(0, game.Subscriber.Pending);
            Check.True(game.Server.Requests < 10, "no report is repeated for ever");
            game.Phone.StorageFull = false;
            new Game(game.Phone, game.Server).Subscriber.Sync();
            Check.Equal(0, game.Stored().Length);
            Check.Equal(1, game.Server.Count("A"));
            Check.Equal(1, game.Server.Count("B"));
        }

        private static void StorageUnreadable()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Down;
            game.Ask("A");
            game.Phone.StorageUnreadable = true;
            Check.True(!game.Ask("B").Saved, "not saved");
            game.Phone.StorageUnreadable = false;
            game.Ask("C");
            Check.Equal(3, game.Stored().Length);
            game.Server.Now = FakeServer.Mode.Ok;
            game.Pass(10);
            Check.List(new[] { "1", "1", "1" }, new[] { "A", "B", "C" }.Select(id => game.Server.Count(id).ToString()));
        }

        private static void OneReadingFails()
        {
            for (int after = 0; after < 16; after++)
            {
                var game = new Game();
                game.Server.Now = FakeServer.Mode.Down;
                game.Ask("A");
                game.Ask("B");
                game.Phone.FailsAfter = after;
                game.Ask("C");
                game.Server.Now = FakeServer.Mode.Ok;
                game.Pass(600);
                Check.List(new[] { "1", "1", "1" }, new[] { "A", "B", "C" }.Select(id => game.Server.Count(id).ToString()));
                Check.Equal(0, game.Subscriber.Pending);
                // What could not be taken out then is told again by its id, and goes.
                game.Phone.FailsAfter = int.MaxValue;
                new Game(game.Phone, game.Server).Subscriber.Sync();
                Check.Equal(0, game.Stored().Length);
            }
        }

        private static void ForeignStorage()
        {
            foreach (string text in new[] { "{\"a\":1}", "wxsub1\n\nx\nid ask - nothing\n ask - {}", "wxsub9\nid ask - {}" })
            {
                var game = new Game();
                game.Phone.Storage["wxsub.answers"] = text;
                Check.Equal(0, game.Subscriber.Pending, text);
                game.Ask("A");
                Check.Equal(1, game.Server.Seen.Count, text);
            }
        }

        private static void Bounds()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Silent;
            game.Phone.FailText = "The main switch is switched off";
            game.Ask("A");
            game.Phone.FailText = "Request list fail";
            for (int i = 0; i < 80; i++)
            {
                game.Ask("A");
            }
            Check.Equal(50, game.Subscriber.Pending);
            game.Phone.FailText = null;
            for (int i = 0; i < 49; i++)
            {
                Check.Equal(null, game.Ask("T" + i).Error);
            }
            Check.Equal(50, game.Subscriber.Pending);
            Check.Contains("20004", game.Stored()[0]);
            int calls = game.Phone.Calls.Count;
            Check.Equal(ErrorCode.Full, game.Ask("A").Error.Code);
            Check.Equal(calls, game.Phone.Calls.Count, "WeChat was not called");
            game.Phone.Setting.mainSwitch = false;
            game.Subscriber.Sync();
            Check.Equal(50, game.Subscriber.Pending);
        }

        private static void Settings()
        {
            var game = new Game();
            game.Phone.Setting.itemSettings = new Dictionary<string, string> { { "A", "accept" }, { "B", "ban" } };
            Check.Equal(true, game.Subscriber.Sync().Result.MainSwitch);
            Check.Equal(0, game.Server.Requests, "nothing that the ledger could act on");
            game.Phone.Setting.itemSettings["C"] = "reject";
            game.Phone.Setting.itemSettings["SYS_MSG_TYPE_RANK"] = "accept";
            game.Subscriber.Sync();
            Check.Equal(
                "{\"mainSwitch\":true,\"itemSettings\":{\"C\":\"reject\",\"SYS_MSG_TYPE_RANK\":\"accept\"}}",
                game.Server.Seen.Single().AnswerJson);
            game.Server.Now = FakeServer.Mode.Down;
            game.Ask("X");
            game.Subscriber.Sync();
            game.Phone.Setting = new SubscriptionsSetting { mainSwitch = false };
            game.Subscriber.Sync();
            Check.Equal(2, game.Stored().Length);
            Check.Contains("\"mainSwitch\":false", game.Stored()[1]);
        }

        private static void NoSettings()
        {
            var game = new Game();
            game.Server.Now = FakeServer.Mode.Down;
            game.Ask("A");
            game.Server.Now = FakeServer.Mode.Ok;
            game.Phone.Setting = null;
            SyncResult result = game.Subscriber.Sync().Result;
            Check.Contains("getSetting:fail", result.Error.Message);
            Check.Equal(1, game.Server.Count("A"));
            game.Phone.BaseLibrary = "2.10.0";
            result = game.Subscriber.Sync().Result;
            Check.True(result.Error == null && result.MainSwitch == null, "an old WeChat says nothing");
        }

        private static void Silently()
        {
            var game = new Game();
            game.Phone.Setting.itemSettings = new Dictionary<string, string> { { "A", "accept" }, { "B", "reject" } };
            Check.True(!game.Subscriber.CanAskSilently("A"), "nothing is known before Sync");
            game.Subscriber.Sync();
            Check.True(game.Subscriber.CanAskSilently("A"), "A");
            Check.True(!game.Subscriber.CanAskSilently("A", "B"), "A and B");
            Check.True(!game.Subscriber.CanAskSilently() && !game.Subscriber.CanAskSilently(null), "none");
            game.Phone.Setting.mainSwitch = false;
            game.Subscriber.Sync();
            Check.True(!game.Subscriber.CanAskSilently("A"), "main switch off");
        }

        private static void NoReport()
        {
            try
            {
                GC.KeepAlive(new Subscriber(null));
            }
            catch (ArgumentNullException)
            {
                return;
            }
            throw new Exception("expected an ArgumentNullException");
        }
    }
}
