using System;
using System.Collections.Generic;

namespace WxsubClient
{
    /// <summary>What is needed of WeChat; <see cref="WeChatSdk"/> is WeChat's own SDK for Unity.</summary>
    public interface IWeChat
    {
        /// <summary>The base library's version, such as "3.8.0"; empty if it is not known.</summary>
        string BaseLibrary { get; }

        /// <summary>wx.requestSubscribeMessage.</summary>
        /// <param name="ids">Template ids.</param>
        /// <param name="success">Gets the words by id.</param>
        /// <param name="fail">Gets errCode (0 if there is none) and errMsg.</param>
        void RequestSubscribeMessage(
            string[] ids, Action<IDictionary<string, string>> success, Action<double, string> fail);

        /// <summary>wx.requestSubscribeSystemMessage.</summary>
        /// <param name="types">System types.</param>
        /// <param name="success">Gets the words by type.</param>
        /// <param name="fail">Gets errCode (0 if there is none) and errMsg.</param>
        void RequestSubscribeSystemMessage(
            string[] types, Action<IDictionary<string, string>> success, Action<double, string> fail);

        /// <summary>wx.getSetting with subscriptions.</summary>
        /// <param name="success">Gets the main switch, null if WeChat does not say, and the kept choices, maybe null.</param>
        /// <param name="fail">Gets errMsg.</param>
        void GetSetting(Action<bool?, IDictionary<string, string>> success, Action<string> fail);

        /// <summary>Runs something at the next touch end, once: there WeChat allows its dialog.</summary>
        /// <param name="run">What to run.</param>
        void AtTouchEnd(Action run);

        /// <summary>Reads from the phone's storage; throws if it can't be read now.</summary>
        /// <param name="key">The key.</param>
        /// <returns>The text; empty if there is none.</returns>
        string Load(string key);

        /// <summary>Writes to the phone's storage; throws if it was not taken.</summary>
        /// <param name="key">The key.</param>
        /// <param name="text">The text.</param>
        void Save(string key, string text);
    }
}
