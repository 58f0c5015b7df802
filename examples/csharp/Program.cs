// A complete small program: a player accepts, the count is 1, a message is sent, the count is 0, and a second send is
// turned down without calling WeChat.
//
//   mcs -r:Wxsub.dll -out:Example.exe Program.cs        (Wxsub.dll: see bindings/csharp/README.md)
//   WXSUB_SECRET=... LD_LIBRARY_PATH=../../target/release mono Example.exe --appid wx... --openid ... --template-id ...
//
// With a simulator instead of WeChat (cargo run -p wxsub-simulator -- --port 8181):
//   WXSUB_SECRET=simulator-secret mono Example.exe --api-base http://127.0.0.1:8181 --appid wx0000000000000000 --simulator
//
// With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so.
using System;
using System.IO;
using System.Net;
using System.Text;
using Wxsub;

internal static class Program
{
    private static int Main(string[] args)
    {
        Arguments arguments;
        try
        {
            arguments = new Arguments(args);
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine(e.Message + "\nusage: Example --appid ID [--api-base URL] [--store FILE]"
                + " [--openid ID] [--template-id ID] [--simulator] [--check]; the secret in WXSUB_SECRET");
            return 2;
        }

        // The secret comes from the server's environment: not from a file that ships to players, nor from arguments,
        // which every user of the machine can read.
        var config = new Config
        {
            Appid = arguments.Appid,
            Secret = Environment.GetEnvironmentVariable("WXSUB_SECRET"),
            ApiBase = arguments.ApiBase == null ? null : new[] { arguments.ApiBase },
            Store = arguments.Store,
        };

        // One client for the whole server, opened at its start and closed at its end.
        using (Client client = Client.Open(config, out Result why))
        {
            if (client == null)
            {
                Console.Error.WriteLine(why);
                return 1;
            }
            return (arguments.Check ? WillWork(client) : Play(client, arguments)) ? 0 : 1;
        }
    }

    private static bool WillWork(Client client)
    {
        Result result = client.Check();
        Console.WriteLine(result);
        return result.IsOk;
    }

    private static bool Play(Client client, Arguments arguments)
    {
        string openid = arguments.Openid;
        string template = arguments.TemplateId;
        Console.WriteLine("libwxsub " + Library.Version);

        if (arguments.Simulator)
        {
            // The player taps "accept" on the phone: WeChat knows before we do.
            Grant(arguments.ApiBase, openid, template);
        }

        // 1. The game client passes on what wx.requestSubscribeMessage gave it, untouched.
        string answer = "{\"errMsg\":\"requestSubscribeMessage:ok\",\"" + template + "\":\"accept\"}";
        foreach (Result one in client.ReportJson(openid, answer))
        {
            Console.WriteLine("report:      " + one.TemplateId + " " + one.Quota + ", " + one);
            if (!one.IsOk)
            {
                return false;
            }
        }
        Console.WriteLine("count:       " + client.Quota(openid, template).Remaining);

        // 2. Something happened that the player wants to know. Send waits for WeChat: not on the game loop's thread.
        Message message = new Message(openid, template)
            .Set("thing1", "体力已满，快来玩吧")
            .Set("time2", DateTime.Now.ToString("HH:mm"))
            .Page("index");
        Result sent = client.Send(message);
        Console.WriteLine("send:        " + sent + ", msgid " + sent.MsgId);
        Console.WriteLine("count:       " + client.Quota(openid, template).Remaining);

        // 3. Nothing is left: the library turns the next one down by itself.
        Result second = client.Send(message);
        Console.WriteLine("second send: " + second + ", requests made: " + second.Attempts);
        return sent.IsOk && second.Status == Status.NoQuota;
    }

    private static void Grant(string simulator, string openid, string template)
    {
        WebRequest request = WebRequest.Create(simulator + "/sim/grant");
        request.Proxy = null;
        request.Method = "POST";
        request.ContentType = "application/json";
        byte[] body = Encoding.UTF8.GetBytes("{\"openid\":\"" + openid + "\",\"template_id\":\"" + template + "\"}");
        using (Stream stream = request.GetRequestStream())
        {
            stream.Write(body, 0, body.Length);
        }
        request.GetResponse().Dispose();
    }

    private sealed class Arguments
    {
        internal Arguments(string[] args)
        {
            for (int i = 0; i < args.Length; i++)
            {
                switch (args[i])
                {
                    case "--appid": Appid = Value(args, ref i); break;
                    case "--api-base": ApiBase = Value(args, ref i); break;
                    case "--store": Store = Value(args, ref i); break;
                    case "--openid": Openid = Value(args, ref i); break;
                    case "--template-id": TemplateId = Value(args, ref i); break;
                    case "--simulator": Simulator = true; break;
                    case "--check": Check = true; break;
                    default: throw new ArgumentException("unknown argument " + args[i]);
                }
            }
            if (Appid == null || (Simulator && ApiBase == null))
            {
                throw new ArgumentException(Appid == null ? "--appid is missing" : "--simulator needs --api-base");
            }
        }

        internal string Appid { get; private set; }

        internal string ApiBase { get; private set; }

        internal string Store { get; private set; } = "example.db";

        internal string Openid { get; private set; } = "o-example-player";

        internal string TemplateId { get; private set; } = "sim-stamina";

        internal bool Simulator { get; private set; }

        internal bool Check { get; private set; }

        private static string Value(string[] args, ref int i)
        {
            if (i + 1 == args.Length)
            {
                throw new ArgumentException(args[i] + " needs a value");
            }
            return args[++i];
        }
    }
}
