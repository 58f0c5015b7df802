using UnityEditor;
using UnityEditor.Build;
using UnityEditor.Build.Reporting;

namespace Wxsub.Editor
{
    /// <summary>
    /// The native library goes into dedicated servers, and not into what players get. Platforms alone can't say that: a
    /// server is a variant of the standalone platforms.
    /// </summary>
    internal sealed class ServerOnly : IPreprocessBuildWithReport
    {
        private const string Package = "Packages/com.wxsub.wxsub/";

        public int callbackOrder => 0;

        public void OnPreprocessBuild(BuildReport report)
        {
            foreach (PluginImporter plugin in PluginImporter.GetAllImporters())
            {
                if (plugin.assetPath.StartsWith(Package, System.StringComparison.Ordinal))
                {
                    plugin.SetIncludeInBuildDelegate(path => IsServer());
                }
            }
        }

        private static bool IsServer()
        {
#if WXSUB_STANDALONE
            return true;
#else
            return EditorUserBuildSettings.standaloneBuildSubtarget == StandaloneBuildSubtarget.Server;
#endif
        }
    }
}
