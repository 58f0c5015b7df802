using System.Collections.Generic;

namespace WxsubClient
{
    /// <summary>What the player answered, or why not.</summary>
    public sealed class AskResult
    {
        private static readonly string[] None = { };
        private static readonly Dictionary<string, string> NoAnswers = new Dictionary<string, string>();

        internal AskResult(SubscribeError error, string id)
        {
            Error = error;
            Id = id;
            Answers = NoAnswers;
            Accepted = None;
        }

        internal AskResult(string id, IDictionary<string, string> answers, IList<string> accepted, bool saved)
        {
            Id = id;
            Answers = answers;
            Accepted = accepted;
            Saved = saved;
        }

        /// <summary>Null if the player answered.</summary>
        public SubscribeError Error { get; }

        /// <summary>The report's id; null if WeChat was not called.</summary>
        public string Id { get; }

        /// <summary>WeChat's word for each id: accept, reject, ban, filter.</summary>
        public IDictionary<string, string> Answers { get; }

        /// <summary>The ids that the player accepted.</summary>
        public IList<string> Accepted { get; }

        /// <summary>
        /// False without an error: the storage did not take the answer; it is lost if the game ends before it is reported.
        /// </summary>
        public bool Saved { get; }
    }
}
