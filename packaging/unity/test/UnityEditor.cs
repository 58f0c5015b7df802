// The same for Unity's editor.
using System;
using System.Collections.Generic;

namespace UnityEditor
{
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class InitializeOnLoadAttribute : Attribute
    {
    }

    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();

        public static event AssemblyReloadCallback beforeAssemblyReload;

        internal static void Reload() => beforeAssemblyReload?.Invoke();
    }

    public static class EditorApplication
    {
        public static event Action quitting;

        internal static void Quit() => quitting?.Invoke();
    }

    public enum StandaloneBuildSubtarget
    {
        Default,
        Player,
        Server,
        NoSubtarget,
    }

    public static class EditorUserBuildSettings
    {
        public static StandaloneBuildSubtarget standaloneBuildSubtarget { get; set; }
    }

    public class AssetImporter : UnityEngine.Object
    {
        public string assetPath { get; internal set; }
    }

    public sealed class PluginImporter : AssetImporter
    {
        public delegate bool IncludeInBuildDelegate(string path);

        internal static readonly List<PluginImporter> All = new List<PluginImporter>();

        internal IncludeInBuildDelegate Included { get; private set; }

        public static PluginImporter[] GetAllImporters() => All.ToArray();

        public void SetIncludeInBuildDelegate(IncludeInBuildDelegate includeInBuildDelegate)
        {
            Included = includeInBuildDelegate;
        }
    }
}

namespace UnityEditor.Build
{
    public interface IOrderedCallback
    {
        int callbackOrder { get; }
    }

    public interface IPreprocessBuildWithReport : IOrderedCallback
    {
        void OnPreprocessBuild(Reporting.BuildReport report);
    }
}

namespace UnityEditor.Build.Reporting
{
    public sealed class BuildReport : UnityEngine.Object
    {
    }
}

namespace Test
{
    /// <summary>What the user does in the editor.</summary>
    public static class Editor
    {
        public static void Reload() => UnityEditor.AssemblyReloadEvents.Reload();

        public static void Quit() => UnityEditor.EditorApplication.Quit();

        /// <summary>Begins a build, and tells which of these plugins go into it.</summary>
        public static string[] Build(UnityEditor.Build.IPreprocessBuildWithReport before, bool server, params string[] plugins)
        {
            UnityEditor.EditorUserBuildSettings.standaloneBuildSubtarget = server
                ? UnityEditor.StandaloneBuildSubtarget.Server
                : UnityEditor.StandaloneBuildSubtarget.Player;
            UnityEditor.PluginImporter.All.Clear();
            foreach (string path in plugins)
            {
                UnityEditor.PluginImporter.All.Add(new UnityEditor.PluginImporter { assetPath = path });
            }
            before.OnPreprocessBuild(new UnityEditor.Build.Reporting.BuildReport());
            return Array.ConvertAll(
                UnityEditor.PluginImporter.All.FindAll(p => p.Included == null || p.Included(p.assetPath)).ToArray(),
                p => p.assetPath);
        }
    }
}
