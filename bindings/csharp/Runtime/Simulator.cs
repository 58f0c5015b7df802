using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;

namespace Wxsub
{
    /// <summary>
    /// A WeChat on loopback for a game's own tests: a program of its own on a free port of 127.0.0.1, that nobody else
    /// uses. It ends with <see cref="Dispose"/>, and in any case with this process, also when that is killed. For tests
    /// and for trying things out; the library itself never starts it.
    /// </summary>
    /// <example><code>
    /// using (var wechat = new Simulator("--grants", "1"))
    /// using (var client = new Client(wechat.Config())) { ... }
    /// </code></example>
    public sealed class Simulator : IDisposable
    {
        private const string Ready = "listening on ";

        private readonly Process _process;

        /// <summary>
        /// Starts `wxsub simulator`, of the operator's program: where WXSUB_SIMULATOR says, beside the game's assemblies,
        /// in this package (NuGet's or Unity's), or on PATH.
        /// </summary>
        /// <param name="options">The program's own, such as "--grants", "1".</param>
        /// <exception cref="FileNotFoundException">There is no such program.</exception>
        /// <exception cref="InvalidOperationException">It did not start; what it said is on stderr.</exception>
        public Simulator(params string[] options)
        {
            string program = Find();
            // The simulator alone is a program, too; else it is a part of the operator's.
            bool isAlone = Path.GetFileNameWithoutExtension(program) == "wxsub-simulator";
            var arguments = new StringBuilder(isAlone ? "--exit-with-stdin" : "simulator --exit-with-stdin");
            foreach (string option in options)
            {
                arguments.Append(' ').Append(Quoted(option));
            }
            var start = new ProcessStartInfo(program, arguments.ToString())
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            };
            try
            {
                _process = Process.Start(start);
            }
            // A Win32Exception; an SDK that trims references does not know it.
            catch (SystemException) when (!OnWindows && File.Exists(program))
            {
                // Some unpackers of packages forget that a file is a program.
                using (Process chmod = Process.Start(new ProcessStartInfo("chmod", "u+x " + Quoted(program)) { UseShellExecute = false }))
                {
                    chmod.WaitForExit();
                }
                _process = Process.Start(start);
            }
            string line = _process.StandardOutput.ReadLine() ?? "";
            if (!line.StartsWith(Ready, StringComparison.Ordinal))
            {
                Dispose();
                throw new InvalidOperationException(program + " did not start; what it said is on stderr");
            }
            Url = line.Substring(Ready.Length).Trim();
        }

        /// <summary>"http://127.0.0.1:PORT"</summary>
        public string Url { get; }

        /// <summary>A configuration with its address, appid and secret, and a store in memory.</summary>
        /// <returns>A new one, to be changed at will.</returns>
        public Config Config()
        {
            return new Config
            {
                Appid = "wx0000000000000000",
                Secret = "simulator-secret",
                ApiBase = new[] { Url },
                Store = ":memory:",
            };
        }

        /// <summary>The player accepts <paramref name="n"/> times.</summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">One of the simulator's: "sim-stamina", "sim-activity", "sim-result".</param>
        /// <param name="n">How many messages that allows.</param>
        public void Grant(string openid, string templateId, int n = 1)
        {
            Control("grant", string.Format(
                CultureInfo.InvariantCulture,
                "{{\"openid\":{0},\"template_id\":{1},\"n\":{2}}}", JsonObject.Quote(openid), JsonObject.Quote(templateId), n));
        }

        /// <summary>One of its controls, such as "deliveries?openid=o-alice"; "" lists all of them.</summary>
        /// <param name="path">What comes after /sim/.</param>
        /// <param name="json">The body of a POST; null: a GET.</param>
        /// <returns>Its answer, JSON.</returns>
        /// <exception cref="WebException">It refused the call.</exception>
        public string Control(string path, string json = null)
        {
            var request = (HttpWebRequest)WebRequest.Create((Url + "/sim/" + path).TrimEnd('/'));
            request.Proxy = null;
            if (json != null)
            {
                byte[] body = Encoding.UTF8.GetBytes(json);
                request.Method = "POST";
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
                return reader.ReadToEnd();
            }
        }

        /// <summary>Ends it; once more does nothing.</summary>
        public void Dispose()
        {
            try
            {
                _process.StandardInput.Close(); // it ends when its stdin does
                if (!_process.WaitForExit(10000))
                {
                    _process.Kill();
                }
            }
            catch (InvalidOperationException)
            {
                // Disposed before.
            }
            _process.Dispose();
        }

        /// <summary>Where the program is.</summary>
        internal static string Find()
        {
            string named = Environment.GetEnvironmentVariable("WXSUB_SIMULATOR");
            if (!string.IsNullOrEmpty(named))
            {
                return named;
            }
            string name = OnWindows ? "wxsub.exe" : "wxsub";
            foreach (string folder in Folders())
            {
                string path = Path.Combine(folder, name);
                if (File.Exists(path))
                {
                    return path;
                }
            }
            throw new FileNotFoundException(name + " is neither in this package nor on PATH: set WXSUB_SIMULATOR to its path");
        }

        private static bool OnWindows => Path.DirectorySeparatorChar == '\\';

        private static IEnumerable<string> Folders()
        {
            yield return AppDomain.CurrentDomain.BaseDirectory;
            // Unity's editor knows a package's folder by this path.
            yield return Path.GetFullPath("Packages/com.wxsub.wxsub/Program~/" + (OnWindows ? "Windows" : "Linux"));
            string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES");
            if (string.IsNullOrEmpty(packages))
            {
                string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
                packages = Path.Combine(Path.Combine(home, ".nuget"), "packages");
            }
            string version = typeof(Simulator).Assembly.GetName().Version.ToString(3);
            yield return Path.Combine(packages, "wxsub/" + version + "/tools/" + Runtime);
            foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
            {
                if (folder.Length != 0)
                {
                    yield return folder;
                }
            }
        }

        /// <summary>.NET's name for this machine.</summary>
        private static string Runtime
        {
            get
            {
                if (OnWindows)
                {
                    return "win-x64";
                }
                bool isMusl = File.Exists("/lib/ld-musl-x86_64.so.1") && !File.Exists("/lib64/ld-linux-x86-64.so.2");
                string system = isMusl ? "linux-musl-" : "linux-";
                return system + (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64");
            }
        }

        /// <summary>By the rules of Microsoft's C library, which .NET follows everywhere.</summary>
        private static string Quoted(string argument)
        {
            var text = new StringBuilder("\"");
            int backslashes = 0;
            foreach (char c in argument)
            {
                if (c == '"')
                {
                    text.Append('\\', backslashes + 1);
                }
                backslashes = c == '\\' ? backslashes + 1 : 0;
                text.Append(c);
            }
            return text.Append('\\', backslashes).Append('"').ToString();
        }
    }
}
