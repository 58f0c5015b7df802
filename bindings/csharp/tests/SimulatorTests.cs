using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net.Sockets;
using System.Threading;

namespace Wxsub.Tests
{
    /// <summary>The simulator as a game's own tests use it: it starts, and is never left behind.</summary>
    internal static class SimulatorTests
    {
        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("simulator: a whole round", Round);
            tests.Add("simulator: it ends when its host is killed", Killed);
            tests.Add("simulator: a package unpacked it without its rights", Unpacked);
            tests.Add("simulator: what keeps it from starting", NotStarted);
        }

        /// <summary>What the killed host does: a process of its own.</summary>
        internal static int Host()
        {
            using (var wechat = new Wxsub.Simulator())
            {
                Console.WriteLine(wechat.Url);
                Console.Out.Flush();
                Thread.Sleep(Timeout.Infinite);
            }
            return 0;
        }

        private static void Round()
        {
            string url;
            using (var wechat = new Wxsub.Simulator("--grants", "0", "--any-template=false"))
            using (var other = new Wxsub.Simulator())
            using (var client = new Client(wechat.Config()))
            {
                url = wechat.Url;
                Check.True(url != other.Url, "each its own");
                wechat.Grant("o-cs", Simulator.Template);
                client.Report("o-cs", Simulator.Template, Answer.Accept).Ensure();
                client.Send(Simulator.Message("o-cs")).Ensure();
                Check.Equal(1, ((List<object>)Json.Read(wechat.Control("deliveries?openid=o-cs"))).Count);
                Check.Equal("[]", other.Control("deliveries").Trim());
                Check.Contains("deliveries", wechat.Control(""));
                wechat.Dispose();
                wechat.Dispose();
            }
            Check.True(GoesAway(url), url);
        }

        private static void Killed()
        {
            string runtime = Process.GetCurrentProcess().MainModule.FileName;
            bool isDotnet = Path.GetFileNameWithoutExtension(runtime) == "dotnet";
            string arguments = (isDotnet ? "exec " : "") + "\"" + typeof(SimulatorTests).Assembly.Location + "\" --host";
            var start = new ProcessStartInfo(runtime, arguments) { UseShellExecute = false, RedirectStandardOutput = true };
            using (Process host = Process.Start(start))
            {
                string url = host.StandardOutput.ReadLine();
                Check.True(url != null && Listens(url), "it runs: " + url);
                host.Kill();
                host.WaitForExit();
                Check.True(GoesAway(url), "it outlives its host");
            }
        }

        /// <summary>
        /// Where Unity's editor and NuGet unpack the package, which both may forget that a file is a program.
        /// </summary>
        private static void Unpacked()
        {
            string version = typeof(Wxsub.Simulator).Assembly.GetName().Version.ToString(3);
            string folder = Path.Combine(Path.GetTempPath(), "wxsub cs " + Guid.NewGuid().ToString("N"));
            string before = Environment.GetEnvironmentVariable("WXSUB_SIMULATOR");
            string current = Environment.CurrentDirectory;
            Directory.CreateDirectory(folder);
            try
            {
                Environment.SetEnvironmentVariable("WXSUB_SIMULATOR", null);
                Environment.SetEnvironmentVariable("NUGET_PACKAGES", folder);
                Environment.CurrentDirectory = folder;
                foreach (string place in new[] { "Packages/com.wxsub.wxsub/Program~/Linux", "wxsub/" + version + "/tools/linux-x64" })
                {
                    string program = Path.Combine(folder, place + "/wxsub");
                    Directory.CreateDirectory(Path.GetDirectoryName(program));
                    File.WriteAllText(program, "#!/bin/sh\nshift\nexec '" + before + "' \"$@\"\n");
                    using (var wechat = new Wxsub.Simulator())
                    {
                        Check.True(Listens(wechat.Url), place);
                    }
                    File.Delete(program);
                }
            }
            finally
            {
                Environment.CurrentDirectory = current;
                Environment.SetEnvironmentVariable("WXSUB_SIMULATOR", before);
                Environment.SetEnvironmentVariable("NUGET_PACKAGES", null);
                Directory.Delete(folder, true);
            }
        }

        private static void NotStarted()
        {
            Check.Throws<InvalidOperationException>(() => new Wxsub.Simulator("--templates", "/no/such file \"\\"));
            string before = Environment.GetEnvironmentVariable("WXSUB_SIMULATOR");
            string path = Environment.GetEnvironmentVariable("PATH");
            Environment.SetEnvironmentVariable("WXSUB_SIMULATOR", null);
            Environment.SetEnvironmentVariable("PATH", "/no/such/folder");
            try
            {
                Check.Contains("WXSUB_SIMULATOR", Check.Throws<FileNotFoundException>(() => new Wxsub.Simulator()).Message);
            }
            finally
            {
                Environment.SetEnvironmentVariable("WXSUB_SIMULATOR", before);
                Environment.SetEnvironmentVariable("PATH", path);
            }
        }

        private static bool Listens(string url)
        {
            try
            {
                using (var client = new TcpClient("127.0.0.1", new Uri(url).Port))
                {
                    return true;
                }
            }
            // A SocketException; an SDK that trims references does not know its base class.
            catch (SystemException)
            {
                return false;
            }
        }

        private static bool GoesAway(string url)
        {
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed < TimeSpan.FromSeconds(20))
            {
                if (!Listens(url))
                {
                    return true;
                }
                Thread.Sleep(20);
            }
            return false;
        }
    }
}
