namespace Wxsub
{
    /// <summary>
    /// Builds the JSON of a configuration. What is null is left out, and the library's default counts. It checks
    /// nothing: the library does, and its message names each mistake. Keys that are not here can be given in JSON of
    /// your own to <see cref="Client"/>.
    /// </summary>
    public sealed class Config
    {
        /// <summary>The game's appid. Required.</summary>
        public string Appid { get; set; }

        /// <summary>
        /// The game's secret. Required, but not with an external token. From the environment or a secret store of the
        /// server's, never from a file that ships to players.
        /// </summary>
        public string Secret { get; set; }

        /// <summary>Path of the quota store, or ":memory:"; default "wxsub.db" in the working directory.</summary>
        public string Store { get; set; }

        /// <summary>WeChat's addresses in order of preference; default "https://api.weixin.qq.com".</summary>
        public string[] ApiBase { get; set; }

        /// <summary>"stable" (default), "legacy", or "external": see <see cref="Client.SetToken"/>.</summary>
        public string Token { get; set; }

        /// <summary>For a whole send with its retries; default 5000, at most 60000.</summary>
        public int? TimeoutMs { get; set; }

        /// <summary>Default 2000.</summary>
        public int? ConnectTimeoutMs { get; set; }

        /// <summary>Requests made for one send; default 3.</summary>
        public int? MaxAttempts { get; set; }

        /// <summary>http://host:port to go through; default none.</summary>
        public string Proxy { get; set; }

        /// <summary>PEM file of the only CAs to trust, instead of the built-in list.</summary>
        public string CaFile { get; set; }

        /// <summary>"full" (default): an acknowledged accept is fsynced; "normal": a power cut may lose the last.</summary>
        public string Durability { get; set; }

        /// <summary>"strict" (default), "truncate" or "off".</summary>
        public string Validate { get; set; }

        /// <summary>"enforce" (default); "observe" keeps the count but sends even at 0.</summary>
        public string Quota { get; set; }

        /// <summary>"developer", "trial" or "formal": put into messages that have none.</summary>
        public string MiniprogramState { get; set; }

        /// <summary>"zh_CN", "en_US", "zh_HK" or "zh_TW": put into messages that have none.</summary>
        public string Lang { get; set; }

        /// <summary>
        /// "auto" (default): the account's own, fetched when they are needed; "off": messages are not checked against
        /// them. A list of templates takes JSON of your own.
        /// </summary>
        public string Templates { get; set; }

        /// <summary>The Token of the console's message push, for <see cref="Client.HandleEvent"/>.</summary>
        public string EventToken { get; set; }

        /// <summary>Its EncodingAESKey, for the encrypted modes; with it, plaintext is refused.</summary>
        public string EventAesKey { get; set; }

        /// <summary>The EncodingAESKey before it, while it is being changed.</summary>
        public string EventAesKeyPrevious { get; set; }

        /// <summary>
        /// Without a key nothing signs the bodies of pushes, and only accepts are taken from them; true: refusals and
        /// results, too, since nobody else reaches the address. Default false.
        /// </summary>
        public bool? EventTrustPlain { get; set; }

        /// <summary>Submitted messages, and those of the store, that are sent at once; default 4, at most 256.</summary>
        public int? Workers { get; set; }

        /// <summary>Submitted messages that may wait, and tickets without a polled result; default 10000.</summary>
        public int? QueueCapacity { get; set; }

        /// <summary>
        /// Submitted messages, and those of the store, that this process begins in a second; default any number. May
        /// be less than 1.
        /// </summary>
        public double? MaxPerSecond { get; set; }

        /// <summary>Accepts that a player may pile up for one template; default 0: no limit.</summary>
        public int? MaxCount { get; set; }

        /// <summary>The time zone in which days are counted; default "+08:00".</summary>
        public string UtcOffset { get; set; }

        /// <summary>How long it is kept what became of each answer and message; default 30, in Redis 3; 0: not at
        /// all.</summary>
        public int? HistoryDays { get; set; }

        /// <summary>How long the numbers of each day and template are kept; default 400.</summary>
        public int? FunnelDays { get; set; }

        /// <summary>"sender" (default), or "observer": for operators' programs, which send nothing and need no secret.
        /// </summary>
        public string Role { get; set; }

        /// <summary>Caps, quiet hours and budgets, as JSON: {"per_day": 2, "quiet": "22:00-09:00"}.</summary>
        public string Rules { get; set; }

        /// <summary>
        /// Hours for which <see cref="Client.Ask"/> leaves a player alone with a template after he refused it; default 72.
        /// </summary>
        public int? AskAgainHours { get; set; }

        /// <summary>What the names of the keys in Redis begin with; default "wxsub".</summary>
        public string StorePrefix { get; set; }

        /// <summary>The configuration as the library takes it. It holds secrets: don't log it.</summary>
        /// <returns>JSON, for <see cref="Client"/>.</returns>
        public string ToJson()
        {
            return new JsonObject()
                .Add("appid", Appid)
                .Add("secret", Secret)
                .Add("role", Role)
                .Add("store", Store)
                .Add("api_base", ApiBase)
                .Add("token", Token)
                .Add("timeout_ms", TimeoutMs)
                .Add("connect_timeout_ms", ConnectTimeoutMs)
                .Add("max_attempts", MaxAttempts)
                .Add("proxy", Proxy)
                .Add("ca_file", CaFile)
                .Add("durability", Durability)
                .Add("validate", Validate)
                .Add("quota", Quota)
                .Add("miniprogram_state", MiniprogramState)
                .Add("lang", Lang)
                .Add("templates", Templates)
                .Add("event", new JsonObject()
                    .Add("token", EventToken)
                    .Add("aes_key", EventAesKey)
                    .Add("aes_key_previous", EventAesKeyPrevious)
                    .Add("trust_plain", EventTrustPlain))
                .Add("workers", Workers)
                .Add("queue_capacity", QueueCapacity)
                .Add("max_per_second", MaxPerSecond)
                .Add("max_count", MaxCount)
                .Add("utc_offset", UtcOffset)
                .Add("history_days", HistoryDays)
                .Add("funnel_days", FunnelDays)
                .Add("rules", Rules, isJson: true)
                .Add("store_prefix", StorePrefix)
                .Add("ask_again_hours", AskAgainHours)
                .ToString();
        }
    }
}
