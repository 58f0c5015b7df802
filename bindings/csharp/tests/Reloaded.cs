using System;
using System.Threading;
using System.Threading.Tasks;

namespace Wxsub.Tests
{
    /// <summary>What a game's code leaves open when Unity's editor takes it away.</summary>
    internal sealed class Reloaded : MarshalByRefObject
    {
        private static Client _client;
        private static Tickets _tickets;
        private static Task<Result> _sending;
        private static Task<Result> _waiting;
        private static Thread _pump;
        private static int _lines;

        /// <summary>
        /// Leaves a client open, with a log handler, a send that hangs, submitted messages behind it, and a thread that
        /// waits for their results.
        /// </summary>
        public void Begin()
        {
            Config config = Simulator.Config();
            config.TimeoutMs = 20000;
            _client = new Client(config);
            _client.SetLog((level, line) => Interlocked.Increment(ref _lines), LogLevel.Debug).Ensure();
            string player = Simulator.Player("reload");
            string other = Simulator.Player("reload");
            Simulator.Accept(_client, player, 2);
            Simulator.Accept(_client, other, 2);
            _client.Send(Simulator.Message(player)).Ensure();
            Check.True(Volatile.Read(ref _lines) > 0, "the handler is called");
            Simulator.Fault(player, "\"stall\"");
            Simulator.Fault(other, "\"stall\"");
            new Thread(() => _client.Send(Simulator.Message(player))) { IsBackground = true }.Start();
            _tickets = new Tickets(_client);
            _sending = _tickets.SubmitAsync(Simulator.Message(other));
            _waiting = _tickets.SubmitAsync(Simulator.Message(other));
            _pump = new Thread(() =>
            {
                while (!_tickets.IsClosed)
                {
                    _tickets.Pump(-1);
                }
            }) { IsBackground = true };
            _pump.Start();
            Polling.Until(() => Simulator.Requests(player) == 2 && Simulator.Requests(other) == 1, "both are being sent");
        }

        /// <summary>What Editor/ReloadGuard.cs does.</summary>
        public void End()
        {
            Library.CloseAll();
            Check.Status(Status.State, _client.Quota("p", "t"));
            Check.True(_pump.Join(5000), "the thread that pumped has ended");
            Check.True(_sending.IsCompleted && _waiting.IsCompleted, "no task waits");
        }
    }
}
