// A game loop on a server, as Unity's: Update is called 60 times a second and never waits, neither for WeChat nor for the
// disk. Players accept, get a message at once, and one more when their stamina is full a second later; that one waits in
// the store, and would be sent after a restart, too.
//
//   mcs -r:Wxsub.dll -out:GameLoop.exe GameLoop.cs      (Wxsub.dll: see bindings/csharp/README.md)
//   WXSUB_SECRET=... LD_LIBRARY_PATH=../../target/release mono GameLoop.exe --appid wx... --openid ... --template-id ...
//
// With .NET: dotnet run --property:StartupObject=GameLoop -- --appid ...
//
// With a simulator instead of WeChat (cargo run -p wxsub-simulator -- --port 8181):
//   WXSUB_SECRET=simulator-secret mono GameLoop.exe --api-base http://127.0.0.1:8181 --appid wx0000000000000000 --simulator
//
// With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Wxsub;

internal static class GameLoop
{
    private const double FramesPerSecond = 60;
    private const int FramesPerPlayer = 10;

    private static int Main(string[] args)
    {
        Arguments arguments;
        try
        {
            arguments = new Arguments(args);
        }
        catch (ArgumentException e)
        {
            Console.Error.WriteLine(e.Message + "\nusage: GameLoop --appid ID [--api-base URL] [--store FILE]"
                + " [--openid ID] [--template-id ID] [--simulator] [--check]; the secret in WXSUB_SECRET");
            return 2;
        }
        using (Client client = Client.Open(arguments.Config(), out Result why))
        {
            if (client == null)
            {
                Console.Error.WriteLine(why);
                return 1;
            }
            if (arguments.Check)
            {
                Result result = client.Check();
                Console.WriteLine(result);
                return result.IsOk ? 0 : 1;
            }
            return Run(new Game(client, arguments)) ? 0 : 1;
        }
    }

    /// <summary>What the engine does.</summary>
    private static bool Run(Game game)
    {
        game.Start();
        var clock = Stopwatch.StartNew();
        double first = 0;
        double longest = 0;
        int frame = 0;
        while (!game.IsOver && clock.Elapsed.TotalSeconds < 20)
        {
            double began = clock.Elapsed.TotalMilliseconds;
            game.Update(frame++);
            double took = clock.Elapsed.TotalMilliseconds - began;
            // With the first player the code is loaded, which takes its time.
            first = frame <= FramesPerPlayer ? Math.Max(first, took) : first;
            longest = frame <= FramesPerPlayer ? longest : Math.Max(longest, took);
            double left = (frame / FramesPerSecond * 1000) - clock.Elapsed.TotalMilliseconds;
            if (left > 0)
            {
                Thread.Sleep((int)left);
            }
        }
        Console.WriteLine("frames:  " + frame + "; the longest Update took " + longest.ToString("0.0") + " ms ("
            + first.ToString("0.0") + " ms with the first player, while code was loaded)");
        return game.OnApplicationQuit();
    }

    /// <summary>The methods are those that a MonoBehaviour has.</summary>
    private sealed class Game
    {
        private readonly Client _client;
        private readonly Tickets _tickets;
        private readonly Arguments _arguments;
        private readonly List<Task<bool>> _played = new List<Task<bool>>();
        private readonly string _match = Guid.NewGuid().ToString("N");
        private int _outcomes;
        private int _arrived;

        internal Game(Client client, Arguments arguments)
        {
            _client = client;
            _tickets = new Tickets(client);
            _arguments = arguments;
        }

        /// <summary>Everybody has played, and all that was put into the store has come to its end.</summary>
        internal bool IsOver => _played.Count == _arguments.Players.Length
            && _played.All(p => p.IsCompleted) && _outcomes >= _played.Count(p => p.Result);

        internal void Start()
        {
            Console.WriteLine("libwxsub " + Library.Version);
            // The verdicts of stored messages. After a restart those come here, too, that an earlier run left behind.
            _tickets.Other += outcome =>
            {
                Console.WriteLine("outcome: player " + outcome.Tag + ", " + outcome.Key + ": " + outcome);
                _outcomes++;
                _arrived += outcome.IsOk ? 1 : 0;
            };
        }

        internal void Update(int frame)
        {
            // First what has come in; the code below each await goes on within this call.
            _tickets.Pump();

            int player = frame / FramesPerPlayer;
            if (frame % FramesPerPlayer == 0 && player < _arguments.Players.Length)
            {
                _played.Add(Play(_arguments.Players[player], (ulong)player));
            }
            if (frame % 60 == 0 && _client.GetStats(out Stats stats).IsOk)
            {
                Console.WriteLine("stats:   " + stats);
            }
        }

        /// <summary>Nothing that was submitted is lost without a word: it gets two seconds.</summary>
        internal bool OnApplicationQuit()
        {
            _client.Shutdown(2000, out long unfinished);
            while (_tickets.Pump() > 0)
            {
            }
            _client.GetStats(out Stats stats);
            Console.WriteLine("end:     " + stats + "; unfinished " + unfinished);
            _tickets.Dispose();
            bool all = _played.Count(p => p.IsCompleted && !p.IsCanceled && p.Result) == _arguments.Players.Length;
            return all && unfinished == 0 && _arrived >= _arguments.Players.Length;
        }

        /// <summary>One player's story, over many frames: true if all went well.</summary>
        private async Task<bool> Play(string openid, ulong player)
        {
            // 1. The game client said "accept" twice. It is on disk when the result says Ok.
            for (int popup = 0; popup < 2; popup++)
            {
                Result reported = await _tickets.SubmitReportAsync(
                    openid, _arguments.TemplateId, Answer.Accept, _match + "-" + popup, player);
                if (!reported.IsOk)
                {
                    return Failed("report", player, reported);
                }
                Console.WriteLine("report:  player " + player + ", count " + reported.Remaining);
            }

            // 2. A message now. QueueFull would mean: the same call again in the next frame.
            Result sent = await _tickets.SubmitAsync(
                Text(openid, "对战已结束"), new SubmitOptions { Key = "match-" + _match, Tag = player });
            if (!sent.IsOk)
            {
                return Failed("message", player, sent);
            }
            Console.WriteLine("message: player " + player + ", msgid " + sent.MsgId);

            // 3. And one for later. Ok means: it is on disk. Whoever plays again meanwhile replaces it by the same key.
            Result stored = await _tickets.SubmitAsync(
                Text(openid, "体力已满，快来玩吧"),
                new SubmitOptions
                {
                    Key = "stamina",
                    Tag = player,
                    DeliverAt = DateTimeOffset.UtcNow.AddSeconds(1),
                    OnConflict = OnConflict.Replace,
                });
            return stored.IsOk || Failed("stored message", player, stored);
        }

        private Message Text(string openid, string text)
        {
            return new Message(openid, _arguments.TemplateId)
                .Set("thing1", text)
                .Set("time2", DateTime.Now.ToString("HH:mm"))
                .Page("index");
        }

        private static bool Failed(string what, ulong player, Result result)
        {
            Console.Error.WriteLine(what + ": player " + player + ": " + result);
            return false;
        }
    }

    private sealed class Arguments
    {
        private string _appid;
        private string _apiBase;
        private string _store = "example.db";
        private string _openid = "o-example-player";

        internal Arguments(string[] args)
        {
            bool simulator = false;
            for (int i = 0; i < args.Length; i++)
            {
                switch (args[i])
                {
                    case "--appid": _appid = Value(args, ref i); break;
                    case "--api-base": _apiBase = Value(args, ref i); break;
                    case "--store": _store = Value(args, ref i); break;
                    case "--openid": _openid = Value(args, ref i); break;
                    case "--template-id": TemplateId = Value(args, ref i); break;
                    case "--simulator": simulator = true; break;
                    case "--check": Check = true; break;
                    default: throw new ArgumentException("unknown argument " + args[i]);
                }
            }
            if (_appid == null || (simulator && _apiBase == null))
            {
                throw new ArgumentException(_appid == null ? "--appid is missing" : "--simulator needs --api-base");
            }
            Players = simulator ? Enumerable.Range(1, 5).Select(n => _openid + "-" + n).ToArray() : new[] { _openid };
            if (simulator && !Check)
            {
                // The players tap "accept" on their phones: WeChat knows before we do.
                Array.ForEach(Players, openid => Grant(_apiBase, openid, TemplateId));
            }
        }

        /// <summary>With the simulator five, else the one that was named.</summary>
        internal string[] Players { get; }

        internal string TemplateId { get; } = "sim-stamina";

        internal bool Check { get; }

        internal Config Config()
        {
            return new Config
            {
                Appid = _appid,
                Secret = Environment.GetEnvironmentVariable("WXSUB_SECRET"),
                ApiBase = _apiBase == null ? null : new[] { _apiBase },
                Store = _store,
            };
        }

        private static void Grant(string simulator, string openid, string template)
        {
            WebRequest request = WebRequest.Create(simulator + "/sim/grant");
            request.Proxy = null;
            request.Method = "POST";
            request.ContentType = "application/json";
            byte[] body = Encoding.UTF8.GetBytes(
                "{\"openid\":\"" + openid + "\",\"template_id\":\"" + template + "\",\"n\":2}");
            using (Stream stream = request.GetRequestStream())
            {
                stream.Write(body, 0, body.Length);
            }
            request.GetResponse().Dispose();
        }

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
