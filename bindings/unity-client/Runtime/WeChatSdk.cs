using System;
using System.Collections.Generic;
using System.IO;
using WeChatWASM;

namespace WxsubClient
{
    /// <summary>WeChat's SDK for Unity (WX-WASM-SDK-V2); WX.InitSDK must have called back.</summary>
    public sealed class WeChatSdk : IWeChat
    {
        /// <inheritdoc/>
        public string BaseLibrary => WX.GetSystemInfoSync()?.SDKVersion ?? "";

        /// <inheritdoc/>
        public void RequestSubscribeMessage(
            string[] ids, Action<IDictionary<string, string>> success, Action<double, string> fail)
        {
            WX.RequestSubscribeMessage(new RequestSubscribeMessageOption
            {
                tmplIds = ids,
                success = answers => success(answers),
                fail = failure => fail(failure.errCode, failure.errMsg),
            });
        }

        /// <inheritdoc/>
        public void RequestSubscribeSystemMessage(
            string[] types, Action<IDictionary<string, string>> success, Action<double, string> fail)
        {
            WX.RequestSubscribeSystemMessage(new RequestSubscribeSystemMessageOption
            {
                msgTypeList = types,
                success = answers => success(answers),
                fail = failure => fail(failure.errCode, failure.errMsg),
            });
        }

        /// <inheritdoc/>
        public void GetSetting(Action<bool?, IDictionary<string, string>> success, Action<string> fail)
        {
            WX.GetSetting(new GetSettingOption
            {
                withSubscriptions = true,
                success = result =>
                    success(result.subscriptionsSetting?.mainSwitch, result.subscriptionsSetting?.itemSettings),
                fail = failure => fail(failure.errMsg),
            });
        }

        /// <inheritdoc/>
        public void AtTouchEnd(Action run)
        {
            Action<OnTouchStartListenerResult> listener = null;
            listener = touch =>
            {
                WX.OffTouchEnd(listener);
                run();
            };
            WX.OnTouchEnd(listener);
        }

        /// <inheritdoc/>
        public string Load(string key)
        {
            string text = WX.StorageGetStringSync(key, "") ?? "";
            // The SDK answers the default also when reading failed; what is stored here is never empty.
            if (text.Length == 0 && WX.StorageHasKeySync(key))
            {
                throw new IOException("the storage holds " + key + " and could not be read");
            }
            return text;
        }

        /// <inheritdoc/>
        public void Save(string key, string text)
        {
            WX.StorageSetStringSync(key, text);
            // The SDK logs a failure and returns.
            if (WX.StorageGetStringSync(key, "") != text)
            {
                throw new IOException("the storage did not take " + key);
            }
        }
    }
}
