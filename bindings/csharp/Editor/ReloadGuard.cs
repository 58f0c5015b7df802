using UnityEditor;

namespace Wxsub.Editor
{
    /// <summary>
    /// Before Unity's editor throws the code away (scripts were compiled, play mode begins) or quits, every client is
    /// closed: no native call and no log callback is left that could come back into unloaded code.
    /// </summary>
    [InitializeOnLoad]
    internal static class ReloadGuard
    {
        static ReloadGuard()
        {
            AssemblyReloadEvents.beforeAssemblyReload += Library.CloseAll;
            EditorApplication.quitting += Library.CloseAll;
        }
    }
}
