using System;
using System.Threading;

namespace Wxsub.Tests
{
    /// <summary>What a game's code leaves open when Unity's editor takes it away.</summary>
    internal sealed class Reloaded : MarshalByRefObject
    {
        private static Client _client;
        private static int _lines;

        /// <summary>Leaves a client open, with a log handler and a send that hangs.</summary>
        public void Begin()
        {
            Config config = Simulator.Config();
            config.TimeoutMs = 20000;
            _client = new Client(config);
            _client.SetLog((level, line) => Interlocked.Increment(ref _lines), LogLevel.Debug).Ensure();
            string player = Simulator.Player("reload");
            Simulator.Accept(_client, player, 2);
            _client.Send(Simulator.Message(player)).Ensure();
            Check.True(Volatile.Read(ref _lines) > 0, "the handler is called");
            Simulator.Fault(player, "\"stall\"");
            new Thread(() => _client.Send(Simulator.Message(player))) { IsBackground = true }.Start();
            for (int i = 0; Simulator.Requests(player) < 2 && i < 200; i++)
            {
                Thread.Sleep(20);
            }
        }

        /// <summary>What Editor/ReloadGuard.cs does.</summary>
        public void End()
        {
            Library.CloseAll();
            Check.Status(Status.State, _client.Quota("p", "t"));
        }
    }
}
