using System;
using System.Collections.Generic;

namespace Wxsub.Tests
{
    /// <summary>Login and Check.</summary>
    internal static class AccountTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("login: a code becomes an identity, once", Code);
            tests.Add("login: codes that are no good", BadCodes);
            tests.Add("login: what else goes wrong", Trouble);
            tests.Add("check: all is well", Well);
            tests.Add("check: a wrong secret", WrongSecret);
            tests.Add("check: an address that is not allowed is named", Address);
            tests.Add("check: nobody there", NobodyThere);
        }

        private static void Code()
        {
            using (Client client = Simulator.Open())
            {
                string log = "";
                client.SetLog((level, line) => log += line + "\n", LogLevel.Debug).Ensure();
                string player = Simulator.Player("login");
                Simulator.Post(
                    "/sim/codes", "{\"code\":\"c-" + player + "\",\"openid\":\"" + player + "\",\"unionid\":\"u-玩家\"}");
                Check.Status(Status.Ok, client.Login("c-" + player, out Identity identity));
                Check.Equal(player, identity.Openid);
                Check.Equal("u-玩家", identity.Unionid);
                Check.Equal(24, identity.SessionKey.Length);
                Check.Equal(player, identity.ToString());
                Check.Lacks(identity.SessionKey, log);
                Check.Lacks(Simulator.Secret, log);

                Check.Status(Status.Ok, client.Login("code-" + player, out identity));
                Check.Equal("", identity.Unionid);

                Result again = Check.Status(Status.WeChat, client.Login("c-" + player, out identity));
                Check.Equal(40163, again.Errcode);
                Check.True(identity == null, "nobody");
            }
        }

        private static void BadCodes()
        {
            using (Client client = Simulator.Open())
            {
                Result invalid = Check.Status(Status.WeChat, client.Login("no-such-code", out Identity identity));
                Check.Equal(40029, invalid.Errcode);
                Check.Equal(Retry.Never, invalid.Retry);
                Check.True(identity == null, "nobody");
                foreach (string code in new[] { null, "", "a\0b", "\uD83C" })
                {
                    Check.Status(Status.Arg, client.Login(code, out identity));
                    Check.True(identity == null, "nobody");
                }
            }
        }

        private static void Trouble()
        {
            Config config = Simulator.Config();
            config.MaxAttempts = 1;
            using (var client = new Client(config))
            {
                Fault("jscode2session", -1, "system error");
                Result busy = Check.Status(Status.Busy, client.Login("code-" + Simulator.Player("busy"), out _));
                Check.Equal(Retry.Later, busy.Retry);
            }
            config.ApiBase = new[] { "http://127.0.0.1:9" };
            using (var client = new Client(config))
            {
                Check.Status(Status.Connect, client.Login("code-x", out _));
            }
            using (var client = new Client(new Config { Appid = "wx1", Token = "external", Store = ":memory:" }))
            {
                Check.Status(Status.Config, client.Login("code-x", out _));
            }
        }

        private static void Well()
        {
            using (Client client = Simulator.Open())
            {
                string log = "";
                client.SetLog((level, line) => log += line + "\n").Ensure();
                Result result = Check.Status(Status.Ok, client.Check());
                foreach (string part in new[] { "store: writable", "network: reached", "credentials: right", "templates: " })
                {
                    Check.Contains(part, result.Message);
                    Check.Contains(part, log);
                }
            }
        }

        private static void WrongSecret()
        {
            Config config = Simulator.Config();
            config.Secret = "wrong-" + Simulator.Secret;
            using (var client = new Client(config))
            {
                Result result = Check.Status(Status.Auth, client.Check());
                Check.Contains("credentials: no access token", result.Message);
                Check.Contains("\"secret\"", result.Message);
                Check.Lacks(Simulator.Secret, result.Message);
            }
        }

        private static void Address()
        {
            using (Client client = Simulator.Open())
            {
                Fault("stable_token", 40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1-2-3");
                Result result = Check.Status(Status.Auth, client.Check());
                Check.Equal(40164, result.Errcode);
                Check.Contains("203.0.113.7", result.Message);
                Check.Status(Status.Ok, client.Check());
            }
        }

        private static void NobodyThere()
        {
            Config config = Simulator.Config();
            config.ApiBase = new[] { "http://127.0.0.1:9" };
            config.TimeoutMs = 1000;
            using (var client = new Client(config))
            {
                Result result = Check.Status(Status.Connect, client.Check());
                Check.Contains("network: WeChat was not reached", result.Message);
            }
        }

        private static void Fault(string endpoint, int errcode, string errmsg)
        {
            Simulator.Post(
                "/sim/faults",
                "{\"kind\":\"errcode\",\"endpoint\":\"" + endpoint + "\",\"errcode\":" + errcode + ",\"errmsg\":\"" + errmsg + "\"}");
        }
    }
}
