namespace WxsubClient
{
    /// <summary>What <see cref="Subscriber.Sync"/> found.</summary>
    public sealed class SyncResult
    {
        internal SyncResult(SubscribeError error, bool? mainSwitch, int pending)
        {
            Error = error;
            MainSwitch = mainSwitch;
            Pending = pending;
        }

        /// <summary>Why the settings could not be read; null if they were.</summary>
        public SubscribeError Error { get; }

        /// <summary>Whether the player lets this game send at all; null if WeChat did not say.</summary>
        public bool? MainSwitch { get; }

        /// <summary>How many answers the server does not have yet.</summary>
        public int Pending { get; }
    }
}
