using System;
using System.Collections.Generic;
using System.Linq;
using WeChatWASM;

namespace WxsubClient.Tests
{
    /// <summary>
    /// The game is killed before and after every step that the outside sees, once and twice over, and started again. A
    /// killed game does nothing more; the phone's storage and the server live on.
    /// </summary>
    internal static class KillTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("without a kill", NoKill);
            tests.Add("killed before or after every step", Once);
            tests.Add("killed at every step of the start after the kill, too", Twice);
        }

        private static void NoKill()
        {
            var world = new World();
            Run run = world.Play(-1, false);
            world.Recover("no kill");
            Check.Equal(2, world.Server.Count("A"));
            Check.Equal(1, world.Server.Count("B"));
            Check.Equal(1, world.Server.Count("SYS_MSG_TYPE_RANK"));
            Check.True(run.Steps > 40, run.Steps + " steps");
        }

        private static void Once()
        {
            int kills = 0;
            foreach (bool after in new[] { false, true })
            {
                for (int at = 0; ; at++)
                {
                    var world = new World();
                    if (!world.Play(at, after).IsDead)
                    {
                        break;
                    }
                    kills++;
                    world.Recover("killed " + (after ? "after" : "before") + " step " + at);
                }
            }
            Check.True(kills > 80, kills + " kills");
        }

        private static void Twice()
        {
            int kills = 0;
            for (int first = 3; first < 40; first += 3)
            {
                for (int second = 0; ; second++)
                {
                    var world = new World();
                    world.Play(first, true);
                    if (!world.Play(second, second % 2 == 0).IsDead)
                    {
                        break;
                    }
                    kills++;
                    world.Recover("killed at " + first + " and " + second);
                }
            }
            Check.True(kills > 200, kills + " kills");
        }

        private sealed class Killed : Exception
        {
        }

        /// <summary>One run of the game, from its start to its kill.</summary>
        private sealed class Run
        {
            private readonly int _at;
            private readonly bool _after;

            internal Run(int at, bool after)
            {
                _at = at;
                _after = after;
            }

            internal int Steps { get; private set; }

            internal bool IsDead { get; private set; }

            internal void Step(Action effect)
            {
                if (IsDead)
                {
                    throw new Killed();
                }
                if (Steps++ != _at)
                {
                    effect();
                    return;
                }
                if (_after)
                {
                    effect();
                }
                IsDead = true;
                throw new Killed();
            }

            /// <summary>For what happens to the game: a dead one does not notice.</summary>
            internal void Quietly(Action effect)
            {
                try
                {
                    Step(effect);
                }
                catch (Killed)
                {
                    Check.True(IsDead, "killed");
                }
            }
        }

        private sealed class World
        {
            internal readonly FakeServer Server = new FakeServer();
            private readonly FakePhone _phone = new FakePhone();
            private readonly List<string> _everStored = new List<string>();

            internal World()
            {
                _phone.Setting.itemSettings = new Dictionary<string, string> { { "Z", "reject" } };
            }

            internal Run Play(int at, bool after)
            {
                var run = new Run(at, after);
                Subscriber subscriber = Start(run);
                foreach (Action act in new Action[]
                {
                    () => subscriber.Sync(),
                    () => subscriber.Ask("A", "B"),
                    () => subscriber.Ask("A"),
                    () => subscriber.AskSystem("SYS_MSG_TYPE_RANK"),
                })
                {
                    if (!run.IsDead)
                    {
                        act();
                    }
                }
                return run;
            }

            internal void Recover(string name)
            {
                Subscriber subscriber = Start(new Run(-1, false));
                subscriber.Sync();
                subscriber.Update(600);
                List<string> seen = Server.Seen.Select(report => report.Id).ToList();
                string lastSetting = _everStored.LastOrDefault(line => line.Contains(" setting "));
                foreach (string line in _everStored.Where(line => !line.Contains(" setting ") || line == lastSetting))
                {
                    Check.Equal(1, seen.Count(id => id == Id(line)), name + ": " + line);
                }
                Check.Equal(seen.Count, seen.Distinct().Count(), name + ": applied twice");
                Check.List(_everStored.Select(Id).Where(seen.Contains), seen, name + ": order, or reported before stored:");
                Check.Equal("wxsub1", _phone.Storage["wxsub.answers"], name + ": something is left");
            }

            private static string Id(string line) => line.Split(' ')[0];

            private Subscriber Start(Run run)
            {
                WXBase.Phone = _phone;
                _phone.Step = effect =>
                {
                    run.Step(effect);
                    Note();
                };
                _phone.Back = run.Quietly;
                return new Subscriber((report, done) =>
                {
                    Note();
                    run.Step(() => { });
                    run.Quietly(() => Server.Apply(report));
                    run.Quietly(() => done(true));
                });
            }

            private void Note()
            {
                _phone.Storage.TryGetValue("wxsub.answers", out string text);
                foreach (string line in (text ?? "").Split('\n').Skip(1).Where(line => !_everStored.Contains(line)))
                {
                    _everStored.Add(line);
                }
            }
        }
    }
}
