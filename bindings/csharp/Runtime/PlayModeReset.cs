#if UNITY_5_3_OR_NEWER
using UnityEngine;

namespace Wxsub
{
    /// <summary>
    /// Without domain reload, statics survive from one play session to the next, and so would forgotten clients: they
    /// are closed before a session begins. In a player nothing is open then.
    /// </summary>
    internal static class PlayModeReset
    {
        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        private static void Reset() => Library.CloseAll();
    }
}
#endif
