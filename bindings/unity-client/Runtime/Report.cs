namespace WxsubClient
{
    /// <summary>One answer on its way to the game's server.</summary>
    public sealed class Report
    {
        internal Report(string id, string kind, bool isMinor, string answerJson)
        {
            Id = id;
            Kind = kind;
            IsMinor = isMinor;
            AnswerJson = answerJson;
        }

        /// <summary>
        /// Unique; the same in every try. The server passes it on as wxsub's "key", so that a second try counts once.
        /// </summary>
        public string Id { get; }

        /// <summary>Where it is from: "ask", "system" or "setting".</summary>
        public string Kind { get; }

        /// <summary>WeChat's object as JSON; the server gives it to wxsub_report_json as it is.</summary>
        public string AnswerJson { get; }

        /// <summary>A failed call that says nothing about the player: the first to be given up when there is no room.</summary>
        internal bool IsMinor { get; }
    }
}
