// As much of Unity's runtime as the package and its sample use, with the same names and types, so that they compile and
// can be played through without Unity. Its behaviour is Unity's as documented, and no more than that.
using System;
using System.Collections.Generic;

namespace UnityEngine
{
    public class Object
    {
        public static void Destroy(Object o) => Test.Engine.Destroyed.Add(o);

        public static void DontDestroyOnLoad(Object o) => Test.Engine.Kept.Add(o);
    }

    public sealed class GameObject : Object
    {
    }

    public class Component : Object
    {
        public GameObject gameObject { get; } = new GameObject();
    }

    public class Behaviour : Component
    {
    }

    public class MonoBehaviour : Behaviour
    {
    }

    public static class Application
    {
        public static string persistentDataPath => Environment.GetEnvironmentVariable("WXSUB_TMP");
    }

    public static class Debug
    {
        public static void Log(object message) => Test.Engine.Say("log", message);

        public static void LogWarning(object message) => Test.Engine.Say("warning", message);

        public static void LogError(object message) => Test.Engine.Say("error", message);
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string tooltip)
        {
        }
    }

    public enum RuntimeInitializeLoadType
    {
        AfterSceneLoad,
        BeforeSceneLoad,
        AfterAssembliesLoaded,
        BeforeSplashScreen,
        SubsystemRegistration,
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class RuntimeInitializeOnLoadMethodAttribute : Attribute
    {
        public RuntimeInitializeOnLoadMethodAttribute(RuntimeInitializeLoadType loadType)
        {
            this.loadType = loadType;
        }

        public RuntimeInitializeLoadType loadType { get; }
    }
}

namespace Test
{
    /// <summary>What the engine was told.</summary>
    public static class Engine
    {
        public static readonly List<object> Destroyed = new List<object>();
        public static readonly List<object> Kept = new List<object>();
        public static readonly List<string> Said = new List<string>();

        public static void Say(string kind, object message)
        {
            lock (Said)
            {
                Said.Add(kind + ": " + message);
            }
        }
    }
}
