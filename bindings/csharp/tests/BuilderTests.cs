using System;
using System.Collections.Generic;

namespace Wxsub.Tests
{
    /// <summary>What the builders write is JSON, and says what was put in.</summary>
    internal static class BuilderTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("builder: a message with everything", Everything);
            tests.Add("builder: every character survives", Characters);
            tests.Add("builder: absent and null", Absent);
            tests.Add("builder: options and configuration", Options);
        }

        private static void Everything()
        {
            object json = Json.Read(new Message("o1", "t1").Set("thing1", "a").Set("number2", -7).Set("thing1", "b")
                .Page("index?a=1&b=\"2\"").MiniprogramState("trial").Lang("zh_TW").ToJson());
            Check.Equal("o1", (string)Json.At(json, "touser"));
            Check.Equal("t1", (string)Json.At(json, "template_id"));
            Check.Equal("b", (string)Json.At(json, "data", "thing1", "value"), "the last one counts:");
            Check.Equal("-7", (string)Json.At(json, "data", "number2", "value"));
            Check.Equal("index?a=1&b=\"2\"", (string)Json.At(json, "page"));
            Check.Equal("trial", (string)Json.At(json, "miniprogram_state"));
            Check.Equal("zh_TW", (string)Json.At(json, "lang"));
        }

        private static void Characters()
        {
            var all = new System.Text.StringBuilder();
            for (char c = '\0'; c < 0x300; c++)
            {
                all.Append(c);
            }
            all.Append("\u2028\u2029\uFEFF\uFFFD\uFFFF中文🎮👨‍👩‍👧");
            string text = all.ToString();
            object json = Json.Read(new Message(text, text).Set(text, text).ToJson());
            Check.Equal(text, (string)Json.At(json, "touser"));
            Check.Equal(text, (string)Json.At(json, "data", text, "value"));
        }

        private static void Absent()
        {
            Check.Equal("{\"data\":{}}", new Message(null, null).ToJson());
            Check.Equal("{\"data\":{\"\":{\"value\":null}}}", new Message(null, null).Set(null, null).Page(null).ToJson());
            Check.Equal("{}", new SendOptions().ToJson());
            Check.Equal("{}", new SubmitOptions().ToJson());
            Check.Equal("{}", new Config().ToJson());
        }

        private static void Options()
        {
            var options = new SendOptions { Key = "a\"b", Tag = ulong.MaxValue, TimeoutMs = 1500 };
            Check.Equal("{\"key\":\"a\\\"b\",\"tag\":18446744073709551615,\"timeout_ms\":1500}", options.ToJson());
            var time = new DateTimeOffset(2030, 1, 2, 3, 4, 5, 678, TimeSpan.FromHours(8));
            var submit = new SubmitOptions
            {
                Key = "k",
                Tag = 1,
                TimeoutMs = 2,
                Durable = true,
                DeliverAt = time,
                ExpiresAt = time.AddMilliseconds(1),
                OnConflict = OnConflict.Replace,
                OnUnknown = OnUnknown.Resend,
                Notify = false,
            };
            Check.Equal(
                "{\"key\":\"k\",\"tag\":1,\"timeout_ms\":2,\"durable\":true,\"deliver_at\":1893524645678,"
                + "\"expires_at\":1893524645679,\"on_conflict\":\"replace\",\"on_unknown\":\"resend\",\"notify\":false}",
                submit.ToJson());
            Check.Equal(
                "{\"durable\":false,\"on_conflict\":\"keep\",\"on_unknown\":\"report\",\"notify\":true}",
                new SubmitOptions
                {
                    Durable = false, OnConflict = OnConflict.Keep, OnUnknown = OnUnknown.Report, Notify = true,
                }.ToJson());
            Check.Equal(
                "{\"workers\":8,\"queue_capacity\":5,\"max_per_second\":0.5,\"store_prefix\":\"p\"}",
                new Config { Workers = 8, QueueCapacity = 5, MaxPerSecond = 0.5, StorePrefix = "p" }.ToJson());
            object json = Json.Read(new Config
            {
                Appid = "wx1",
                Secret = "\\",
                Store = "C:\\game\\wxsub.db",
                ApiBase = new[] { "https://a", null },
                MaxAttempts = 2,
                Templates = "off",
                EventToken = "t\"",
                EventAesKey = "k",
            }.ToJson());
            Check.Equal("\\", (string)Json.At(json, "secret"));
            Check.Equal("C:\\game\\wxsub.db", (string)Json.At(json, "store"));
            Check.Equal("https://a", (string)Json.At(json, "api_base", 0));
            Check.Equal(null, Json.At(json, "api_base", 1));
            Check.Equal("2", (string)Json.At(json, "max_attempts"));
            Check.Equal("off", (string)Json.At(json, "templates"));
            Check.Equal("t\"", (string)Json.At(json, "event", "token"));
            Check.Equal("k", (string)Json.At(json, "event", "aes_key"));
            Check.Equal("{\"event\":{\"token\":\"t\"}}", new Config { EventToken = "t" }.ToJson());
            Check.Equal(
                "{\"event\":{\"token\":\"t\",\"aes_key\":\"k\",\"aes_key_previous\":\"p\",\"trust_plain\":false},\"max_count\":9,\"ask_again_hours\":5}",
                new Config
                {
                    EventToken = "t", EventAesKey = "k", EventAesKeyPrevious = "p", EventTrustPlain = false, MaxCount = 9,
                    AskAgainHours = 5,
                }.ToJson());
            Check.Equal(
                "{\"utc_offset\":\"-03:00\",\"history_days\":0,\"funnel_days\":31}",
                new Config { UtcOffset = "-03:00", HistoryDays = 0, FunnelDays = 31 }.ToJson());
            Check.Equal("{\"role\":\"observer\"}", new Config { Role = "observer" }.ToJson());
        }
    }
}
