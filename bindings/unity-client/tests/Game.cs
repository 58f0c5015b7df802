using System;
using System.Collections.Generic;
using WeChatWASM;

namespace WxsubClient.Tests
{
    /// <summary>A phone, a server and a game between them.</summary>
    internal sealed class Game
    {
        internal readonly FakePhone Phone;
        internal readonly FakeServer Server;
        internal readonly List<string> Errors = new List<string>();
        internal readonly Subscriber Subscriber;

        internal Game(FakePhone phone = null, FakeServer server = null)
        {
            Phone = phone ?? new FakePhone();
            Server = server ?? new FakeServer();
            WXBase.Phone = Phone;
            Subscriber = new Subscriber(Server.Report, onError: error => Errors.Add(error.Message));
        }

        internal double Now { get; private set; }

        /// <summary>Frames of a tenth of a second.</summary>
        internal void Pass(double seconds)
        {
            for (double end = Now + seconds; Now < end; Now += 0.1)
            {
                Subscriber.Update(Now);
            }
        }

        internal AskResult Ask(params string[] ids) => Subscriber.Ask(ids).Result;

        /// <summary>The lines in the storage without the first.</summary>
        internal string[] Stored()
        {
            if (!Phone.Storage.TryGetValue("wxsub.answers", out string text))
            {
                return new string[0];
            }
            string[] lines = text.Split('\n');
            Array.Copy(lines, 1, lines, 0, lines.Length - 1);
            Array.Resize(ref lines, lines.Length - 1);
            return lines;
        }
    }
}
