using System.Collections.Generic;
using System.Globalization;

namespace Wxsub
{
    /// <summary>
    /// Builds the JSON of one message. It escapes and nothing else: every rule is the library's, and so is the verdict
    /// on a null or wrong value. Not for use by several threads at once.
    /// </summary>
    public sealed class Message
    {
        private readonly string _openid;
        private readonly string _templateId;
        private readonly List<KeyValuePair<string, string>> _data = new List<KeyValuePair<string, string>>();
        private string _page;
        private string _miniprogramState;
        private string _lang;

        /// <summary>A message to one player.</summary>
        /// <param name="openid">The player ("touser").</param>
        /// <param name="templateId">The template that the player accepted.</param>
        public Message(string openid, string templateId)
        {
            _openid = openid;
            _templateId = templateId;
        }

        /// <summary>Gives a keyword of the template its value; the last one counts.</summary>
        /// <param name="keyword">Such as "thing1", without ".DATA".</param>
        /// <param name="value">The text to show.</param>
        /// <returns>This message.</returns>
        public Message Set(string keyword, string value)
        {
            return SetJson(keyword, value == null ? "null" : JsonObject.Quote(value));
        }

        /// <summary>Gives a keyword of the template a number.</summary>
        /// <param name="keyword">Such as "number2".</param>
        /// <param name="value">The number to show.</param>
        /// <returns>This message.</returns>
        public Message Set(string keyword, long value)
        {
            return SetJson(keyword, value.ToString(CultureInfo.InvariantCulture));
        }

        /// <summary>The page that a tap on the message opens; without one it opens nothing.</summary>
        /// <param name="page">Such as "index" or "index?from=msg".</param>
        /// <returns>This message.</returns>
        public Message Page(string page)
        {
            _page = page;
            return this;
        }

        /// <summary>Which edition of the game a tap opens, instead of the configured one.</summary>
        /// <param name="state">"developer", "trial" or "formal".</param>
        /// <returns>This message.</returns>
        public Message MiniprogramState(string state)
        {
            _miniprogramState = state;
            return this;
        }

        /// <summary>The language of the message's frame, instead of the configured one.</summary>
        /// <param name="lang">"zh_CN", "en_US", "zh_HK" or "zh_TW".</param>
        /// <returns>This message.</returns>
        public Message Lang(string lang)
        {
            _lang = lang;
            return this;
        }

        /// <summary>WeChat's own request body.</summary>
        /// <returns>JSON, for <see cref="Client.Send(string, string)"/>.</returns>
        public string ToJson()
        {
            var data = new JsonObject();
            foreach (KeyValuePair<string, string> entry in _data)
            {
                data.AddRaw(entry.Key, "{\"value\":" + entry.Value + "}");
            }
            return new JsonObject()
                .Add("touser", _openid)
                .Add("template_id", _templateId)
                .Add("page", _page)
                .AddRaw("data", data.ToString())
                .Add("miniprogram_state", _miniprogramState)
                .Add("lang", _lang)
                .ToString();
        }

        private Message SetJson(string keyword, string json)
        {
            string name = keyword ?? "";
            _data.RemoveAll(entry => entry.Key == name);
            _data.Add(new KeyValuePair<string, string>(name, json));
            return this;
        }
    }
}
