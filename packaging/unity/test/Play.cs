// Plays the package through as Unity would: the sample on an object of a server's scene, frame by frame, against a
// simulator; then the editor's reload, the next play session, and a build.
using System;
using System.Linq;
using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading;
using UnityEngine;
using Wxsub;
using Wxsub.Samples;

internal static class Play
{
    private const string Template = "sim-stamina";
    private const string Library = "Packages/com.wxsub.wxsub/Runtime/Plugins/Linux/x86_64/libwxsub.so";

    private static int Main()
    {
        Scene();
        NoSecret();
        Reload();
        NextSession();
        Build();
        Console.WriteLine("6 passed, 0 failed");
        return 0;
    }

    private static void Scene()
    {
        string openid = "unity-" + Guid.NewGuid().ToString("N");
        Post("/sim/grant", "{\"openid\":\"" + openid + "\",\"template_id\":\"" + Template + "\"}");
        var server = new ServerMessages { templateId = Template };
        Call(server, "Awake");
        True(ServerMessages.Instance == server && Test.Engine.Kept.Contains(server.gameObject), "it is opened and kept");
        var second = new ServerMessages();
        Call(second, "Awake");
        True(ServerMessages.Instance == server && Test.Engine.Destroyed.Contains(second.gameObject), "a second one goes");
        Call(second, "OnDestroy");

        server.Answered(openid, Answer.Accept, "tap-1");
        server.StaminaFullAt(openid, DateTimeOffset.UtcNow.AddSeconds(1));
        Frames(server, () => Get("/sim/deliveries?openid=" + openid).Contains("thing1"), "the message arrives");
        Frames(server, () => Said("log: wxsub: stamina: WXSUB_OK"), "its outcome is told in a frame");
        Call(server, "OnDestroy");
        True(ServerMessages.Instance == null, "it is closed");
        True(!Test.Engine.Said.Any(line => !line.StartsWith("log: ", StringComparison.Ordinal)), "nothing went wrong");
        Console.WriteLine("ok      the sample's scene");
    }

    private static void NoSecret()
    {
        string secret = Environment.GetEnvironmentVariable("WXSUB_SECRET");
        Environment.SetEnvironmentVariable("WXSUB_SECRET", null);
        var server = new ServerMessages();
        Call(server, "Awake");
        Call(server, "Update");
        Call(server, "OnDestroy");
        Environment.SetEnvironmentVariable("WXSUB_SECRET", secret);
        True(ServerMessages.Instance == null && Said("error: wxsub: WXSUB_E_CONFIG"), "the error is told");
        Console.WriteLine("ok      the sample without a secret");
    }

    private static void Reload()
    {
        RuntimeHelpers.RunClassConstructor(Editor("ReloadGuard").TypeHandle);
        foreach (Action leaves in new Action[] { Test.Editor.Reload, Test.Editor.Quit })
        {
            var server = new ServerMessages { templateId = Template };
            Call(server, "Awake");
            var client = (Client)typeof(ServerMessages)
                .GetField("_client", BindingFlags.NonPublic | BindingFlags.Instance).GetValue(server);
            True(client.Quota("o", Template).IsOk, "it is open");
            leaves();
            True(client.Quota("o", Template).Status == Status.State, "it is closed before the code goes");
            Call(server, "Update");
            Call(server, "OnDestroy");
        }
        Console.WriteLine("ok      reload and quit\nok      a scene that ends after that");
    }

    private static void NextSession()
    {
        MethodInfo[] begins = typeof(Client).Assembly.GetTypes()
            .SelectMany(t => t.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public))
            .Where(m => m.GetCustomAttribute<RuntimeInitializeOnLoadMethodAttribute>() != null).ToArray();
        True(begins.Length == 1, "one method begins a session");
        var forgotten = new Client(new Config { Appid = "a", Secret = "s", Store = ":memory:" });
        begins[0].Invoke(null, null);
        True(forgotten.Quota("o", Template).Status == Status.State, "what the last session forgot is closed");
        Console.WriteLine("ok      the next session without a domain reload");
    }

    private static void Build()
    {
        var before = (UnityEditor.Build.IPreprocessBuildWithReport)Activator.CreateInstance(Editor("ServerOnly"), true);
        string[] server = Test.Editor.Build(before, true, Library, "Assets/other.so");
        True(server.SequenceEqual(new[] { Library, "Assets/other.so" }), "a server has the library");
        string[] player = Test.Editor.Build(before, false, Library, "Assets/other.so");
        True(player.SequenceEqual(new[] { "Assets/other.so" }), "a player has not");
        Console.WriteLine("ok      builds");
    }

    private static Type Editor(string name) => Assembly.Load("Wxsub.Editor").GetType("Wxsub.Editor." + name, true);

    private static void Frames(ServerMessages server, Func<bool> until, string what)
    {
        for (int frame = 0; frame < 600 && !until(); frame++)
        {
            Call(server, "Update");
            Thread.Sleep(16);
        }
        True(until(), what);
    }

    private static bool Said(string begin)
    {
        lock (Test.Engine.Said)
        {
            return Test.Engine.Said.Any(line => line.StartsWith(begin, StringComparison.Ordinal));
        }
    }

    /// <summary>As the engine does: by name, private or not.</summary>
    private static void Call(object behaviour, string message)
    {
        behaviour.GetType().GetMethod(message, BindingFlags.Instance | BindingFlags.NonPublic).Invoke(behaviour, null);
    }

    private static void True(bool holds, string what)
    {
        if (!holds)
        {
            Console.Error.WriteLine("FAILED  " + what + "\n" + string.Join("\n", Test.Engine.Said));
            Environment.Exit(1);
        }
    }

    private static string Get(string path)
    {
        using (var web = new WebClient { Proxy = null })
        {
            return web.DownloadString(Environment.GetEnvironmentVariable("WXSUB_API_BASE") + path);
        }
    }

    private static void Post(string path, string json)
    {
        using (var web = new WebClient { Proxy = null, Encoding = Encoding.UTF8 })
        {
            web.Headers["content-type"] = "application/json";
            web.UploadString(Environment.GetEnvironmentVariable("WXSUB_API_BASE") + path, json);
        }
    }
}
