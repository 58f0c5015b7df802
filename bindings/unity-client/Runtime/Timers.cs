using System;
using System.Collections.Generic;

namespace WxsubClient
{
    /// <summary>Timers that run when the game says what time it is: no thread, and no clock that a player can set.</summary>
    internal sealed class Timers
    {
        private readonly List<Timer> _waiting = new List<Timer>();
        private double _now;

        internal Timer After(double seconds, Action run)
        {
            var timer = new Timer(_now + seconds, run);
            _waiting.Add(timer);
            return timer;
        }

        internal void Cancel(Timer timer) => _waiting.Remove(timer);

        internal void Update(double seconds)
        {
            _now = Math.Max(_now, seconds);
            for (Timer due = Due(); due != null; due = Due())
            {
                _waiting.Remove(due);
                due.Run();
            }
        }

        private Timer Due()
        {
            Timer first = null;
            foreach (Timer timer in _waiting)
            {
                if (timer.At <= _now && (first == null || timer.At < first.At))
                {
                    first = timer;
                }
            }
            return first;
        }

        internal sealed class Timer
        {
            internal Timer(double at, Action run)
            {
                At = at;
                Run = run;
            }

            internal double At { get; }

            internal Action Run { get; }
        }
    }
}
