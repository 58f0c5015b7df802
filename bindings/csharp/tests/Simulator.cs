using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Text;

namespace Wxsub.Tests
{
    /// <summary>The simulator that WXSUB_SIM names, and clients for it.</summary>
    internal static class Simulator
    {
        /// <summary>A template that the simulator has: thing1, time2.</summary>
        internal const string Template = "sim-stamina";

        internal static readonly string Url = Setting("WXSUB_SIM", null).TrimEnd('/');
        internal static readonly string Appid = Setting("WXSUB_APPID", "wx0000000000000000");
        internal static readonly string Secret = Setting("WXSUB_SECRET", "simulator-secret");

        private static int _players;

        /// <summary>A player that nobody had before.</summary>
        internal static string Player(string name)
        {
            return "cs-" + name + "-" + Guid.NewGuid().ToString("N").Substring(0, 8) + "-" + ++_players;
        }

        internal static Config Config()
        {
            return new Config { Appid = Appid, Secret = Secret, ApiBase = new[] { Url }, Store = ":memory:" };
        }

        internal static Client Open() => new Client(Config());

        internal static Message Message(string openid, string text = "体力已满")
        {
            return new Message(openid, Template).Set("thing1", text).Set("time2", "15:01");
        }

        internal static void Grant(string openid, int n)
        {
            Post("/sim/grant", "{\"openid\":\"" + openid + "\",\"template_id\":\"" + Template + "\",\"n\":" + n + "}");
        }

        /// <summary>Both the player and our ledger: n accepts.</summary>
        internal static void Accept(Client client, string openid, int n = 1)
        {
            Grant(openid, n);
            for (int i = 0; i < n; i++)
            {
                client.Report(openid, Template, Answer.Accept).Ensure();
            }
        }

        /// <summary>Arms trouble for the next send to one player.</summary>
        internal static void Fault(string openid, string kind)
        {
            Post("/sim/faults", "{\"endpoint\":\"send\",\"openid\":\"" + openid + "\",\"kind\":" + kind + "}");
        }

        internal static List<object> Deliveries(string openid) => (List<object>)Get("/sim/deliveries?openid=" + openid);

        internal static int Requests(string openid) => ((List<object>)Get("/sim/requests?openid=" + openid)).Count;

        internal static object Get(string path) => Call("GET", path, null);

        internal static object Post(string path, string json) => Call("POST", path, json);

        private static object Call(string method, string path, string json)
        {
            var request = (HttpWebRequest)WebRequest.Create(Url + path);
            request.Method = method;
            request.Proxy = null;
            if (json != null)
            {
                byte[] body = Encoding.UTF8.GetBytes(json);
                request.ContentType = "application/json";
                request.ContentLength = body.Length;
                using (Stream stream = request.GetRequestStream())
                {
                    stream.Write(body, 0, body.Length);
                }
            }
            using (WebResponse response = request.GetResponse())
            using (var reader = new StreamReader(response.GetResponseStream(), Encoding.UTF8))
            {
                return Json.Read(reader.ReadToEnd());
            }
        }

        internal static string Setting(string name, string otherwise)
        {
            string value = Environment.GetEnvironmentVariable(name);
            if (string.IsNullOrEmpty(value) && otherwise == null)
            {
                throw new Exception("set " + name + "; see run.sh");
            }
            return string.IsNullOrEmpty(value) ? otherwise : value;
        }
    }
}
