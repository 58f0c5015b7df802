using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Wxsub.Tests
{
    /// <summary>Messages that wait in the store.</summary>
    internal static class OutboxTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("outbox: stored, then its outcome", Outcome);
            tests.Add("outbox: not before its time", Later);
            tests.Add("outbox: keep, replace, cancel", Conflict);
            tests.Add("outbox: too late", Expired);
            tests.Add("outbox: without notify", Silent);
            tests.Add("outbox: another client sends what one left", Restart);
        }

        private static void Outcome()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("durable");
                Simulator.Accept(client, player);
                var options = new SubmitOptions { Key = "k", Tag = 9, Durable = true };
                ulong ticket = client.Submit(Simulator.Message(player), options).Ensure().Ticket;
                List<Result> results = Polling.Take(client, 2);
                Result stored = Check.Status(Status.Ok, results[0]);
                Check.Equal(ResultFlags.Stored, stored.Flags);
                Check.Equal(ticket, stored.Ticket);
                Result outcome = Check.Status(Status.Ok, results[1]);
                Check.Equal(ResultFlags.Outcome, outcome.Flags);
                Check.Equal(0ul, outcome.Ticket);
                Check.Equal(9ul, outcome.Tag);
                Check.Equal("k", outcome.Key);
                Check.Equal(outcome.MsgId.ToString(), (string)Json.At(Simulator.Deliveries(player).Single(), "msgid"));
                Result found = Check.Status(Status.Ok, client.Lookup(player, "k"));
                Check.Equal(outcome.MsgId, found.MsgId);
                Check.True((found.Flags & ResultFlags.Replayed) != 0, found.Flags.ToString());
                Polling.None(client);
            }
        }

        private static void Later()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("later");
                Simulator.Accept(client, player);
                // Not in UTC: a point in time is meant, not what a clock shows.
                DateTimeOffset due = DateTimeOffset.UtcNow.AddSeconds(1.5).ToOffset(TimeSpan.FromHours(8));
                client.Submit(Simulator.Message(player), new SubmitOptions { Key = "k", DeliverAt = due }).Ensure();
                Check.Equal(ResultFlags.Stored, Polling.One(client).Flags);
                Result waits = Check.Status(Status.Ok, client.Lookup(player, "k"));
                Check.Equal(ResultFlags.Stored, waits.Flags);
                Check.True(waits.RetryAfterMs > 0 && waits.RetryAfterMs <= 1500, "due in " + waits.RetryAfterMs + " ms");
                Check.Equal(0, Simulator.Requests(player));
                Result outcome = Check.Status(Status.Ok, Polling.One(client));
                Check.Equal(ResultFlags.Outcome, outcome.Flags);
                Check.True(DateTimeOffset.UtcNow >= due, "not early");
                Check.Equal(1, Simulator.Deliveries(player).Count);
            }
        }

        private static void Conflict()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("conflict");
                Simulator.Accept(client, player);
                DateTimeOffset hour = DateTimeOffset.UtcNow.AddHours(1);
                client.Submit(Simulator.Message(player, "一"), new SubmitOptions { Key = "k", DeliverAt = hour }).Ensure();
                Check.Equal(ResultFlags.Stored, Polling.One(client).Flags);
                var keep = new SubmitOptions { Key = "k", Durable = true, OnConflict = OnConflict.Keep };
                client.Submit(Simulator.Message(player, "二"), keep).Ensure();
                Check.Equal(ResultFlags.Stored | ResultFlags.Replayed, Polling.One(client).Flags);
                Check.Equal(1ul, Polling.Stats(client).OutboxWaiting);

                var replace = new SubmitOptions { Key = "k", Durable = true, OnConflict = OnConflict.Replace };
                client.Submit(Simulator.Message(player, "三"), replace).Ensure();
                List<Result> results = Polling.Take(client, 2);
                Check.Equal(ResultFlags.Stored, results[0].Flags);
                Check.Equal(ResultFlags.Outcome, Check.Status(Status.Ok, results[1]).Flags);
                Check.Equal("三", (string)Json.At(Simulator.Deliveries(player).Single(), "data", "thing1", "value"));

                client.Submit(Simulator.Message(player), new SubmitOptions { Key = "c", Tag = 4, DeliverAt = hour }).Ensure();
                Check.Equal(ResultFlags.Stored, Polling.One(client).Flags);
                Check.Equal(4ul, Check.Status(Status.Ok, client.Cancel(player, "c")).Tag);
                Check.Equal(0ul, Polling.Stats(client).OutboxWaiting);
                Check.Status(Status.Cancelled, client.Lookup(player, "c"));
                Polling.None(client);
            }
        }

        private static void Expired()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("expired");
                Simulator.Accept(client, player);
                var past = new SubmitOptions { Durable = true, ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) };
                ulong ticket = client.Submit(Simulator.Message(player), past).Ensure().Ticket;
                Result result = Check.Status(Status.Expired, Polling.One(client));
                Check.Equal(ticket, result.Ticket);
                Check.Equal(0, Simulator.Requests(player));
            }
        }

        private static void Silent()
        {
            using (Client client = Simulator.Open())
            {
                string player = Simulator.Player("silent");
                Simulator.Accept(client, player);
                var options = new SubmitOptions { Durable = true, Notify = false };
                Check.Equal(0ul, client.Submit(Simulator.Message(player), options).Ensure().Ticket);
                Polling.Until(() => Simulator.Deliveries(player).Count == 1, "it is sent");
                Polling.None(client);
            }
        }

        private static void Restart()
        {
            string folder = Path.Combine(Path.GetTempPath(), "wxsub-outbox-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(folder);
            try
            {
                Config config = Simulator.Config();
                config.Store = Path.Combine(folder, "wxsub.db");
                string player = Simulator.Player("restart");
                using (var client = new Client(config))
                {
                    Simulator.Accept(client, player);
                    var options = new SubmitOptions { Key = "k", Tag = 6, DeliverAt = DateTimeOffset.UtcNow.AddSeconds(2) };
                    client.Submit(Simulator.Message(player), options).Ensure();
                    Check.Equal(ResultFlags.Stored, Polling.One(client).Flags);
                }
                Check.Equal(0, Simulator.Requests(player));
                using (var client = new Client(config))
                {
                    Result outcome = Check.Status(Status.Ok, Polling.One(client));
                    Check.Equal(ResultFlags.Outcome, outcome.Flags);
                    Check.Equal(6ul, outcome.Tag);
                    Check.Equal(1, Simulator.Deliveries(player).Count);
                }
            }
            finally
            {
                Directory.Delete(folder, true);
            }
        }
    }
}
