namespace Wxsub
{
    /// <summary>Options of one send; what is not set is left to the configuration.</summary>
    public sealed class SendOptions
    {
        /// <summary>
        /// Idempotency, at most 512 bytes: the same key for this player again within 24 hours sends nothing and answers
        /// as the first did, with <see cref="ResultFlags.Replayed"/>, if the first was sent or may have been.
        /// </summary>
        public string Key { get; set; }

        /// <summary>Your own number, echoed in <see cref="Result.Tag"/>.</summary>
        public ulong? Tag { get; set; }

        /// <summary>For this send, instead of the configured one.</summary>
        public int? TimeoutMs { get; set; }

        /// <summary>The configured rules bind it: <see cref="Status.Skipped"/> where one keeps it back.</summary>
        public bool? Rules { get; set; }

        /// <summary>The options as the library takes them.</summary>
        /// <returns>JSON, for <see cref="Client.Send(string, string)"/>.</returns>
        public string ToJson()
        {
            return new JsonObject()
                .Add("key", Key)
                .Add("tag", Tag)
                .Add("timeout_ms", TimeoutMs)
                .Add("rules", Rules)
                .ToString();
        }
    }
}
