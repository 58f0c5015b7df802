using System;
using System.Collections.Generic;

// The part of WeChat's SDK for Unity that the package uses, by that SDK's names and types; what it does is FakePhone's.
namespace WeChatWASM
{
    public class GeneralCallbackResult
    {
        public string errMsg;
    }

    public class RequestSubscribeMessageFailCallbackResult
    {
        public double errCode;
        public string errMsg;
    }

    public class RequestSubscribeMessageSuccessCallbackResult : Dictionary<string, string>
    {
        public string errMsg;
    }

    public class RequestSubscribeSystemMessageSuccessCallbackResult : Dictionary<string, string>
    {
        public string errMsg;
    }

    public class RequestSubscribeMessageOption
    {
        public string[] tmplIds;
        public Action<GeneralCallbackResult> complete;
        public Action<RequestSubscribeMessageFailCallbackResult> fail;
        public Action<RequestSubscribeMessageSuccessCallbackResult> success;
    }

    public class RequestSubscribeSystemMessageOption
    {
        public string[] msgTypeList;
        public Action<GeneralCallbackResult> complete;
        public Action<RequestSubscribeMessageFailCallbackResult> fail;
        public Action<RequestSubscribeSystemMessageSuccessCallbackResult> success;
    }

    public class SubscriptionsSetting
    {
        public bool mainSwitch;
        public Dictionary<string, string> itemSettings;
    }

    public class GetSettingSuccessCallbackResult
    {
        public SubscriptionsSetting subscriptionsSetting;
        public string errMsg;
    }

    public class GetSettingOption
    {
        public Action<GeneralCallbackResult> complete;
        public Action<GeneralCallbackResult> fail;
        public Action<GetSettingSuccessCallbackResult> success;
        public bool withSubscriptions;
    }

    public class SystemInfo
    {
        public string SDKVersion;
    }

    public class OnTouchStartListenerResult
    {
        public long timeStamp;
    }

    public class WXBase
    {
        public static WxsubClient.Tests.FakePhone Phone;

        public static void StorageSetStringSync(string key, string value = "") => Phone.Save(key, value);

        public static string StorageGetStringSync(string key, string defaultValue) => Phone.Load(key, defaultValue);

        public static bool StorageHasKeySync(string key) => Phone.Storage.ContainsKey(key);

        public static void OnTouchEnd(Action<OnTouchStartListenerResult> result) => Phone.TouchEnd += result;

        public static void OffTouchEnd(Action<OnTouchStartListenerResult> result = null) => Phone.TouchEnd -= result;
    }

    public class WX : WXBase
    {
        public static SystemInfo GetSystemInfoSync() => new SystemInfo { SDKVersion = Phone.BaseLibrary };

        public static void RequestSubscribeMessage(RequestSubscribeMessageOption option)
        {
            Phone.Ask(
                option.tmplIds,
                words =>
                {
                    var result = new RequestSubscribeMessageSuccessCallbackResult { errMsg = "requestSubscribeMessage:ok" };
                    WxsubClient.Tests.FakePhone.Copy(words, result);
                    option.success(result);
                },
                (code, text) => option.fail(new RequestSubscribeMessageFailCallbackResult { errCode = code, errMsg = text }));
        }

        public static void RequestSubscribeSystemMessage(RequestSubscribeSystemMessageOption option)
        {
            Phone.Ask(
                option.msgTypeList,
                words =>
                {
                    var result = new RequestSubscribeSystemMessageSuccessCallbackResult();
                    WxsubClient.Tests.FakePhone.Copy(words, result);
                    option.success(result);
                },
                (code, text) => option.fail(new RequestSubscribeMessageFailCallbackResult { errCode = code, errMsg = text }));
        }

        public static void GetSetting(GetSettingOption option)
        {
            Phone.GetSetting(
                option.withSubscriptions,
                setting => option.success(new GetSettingSuccessCallbackResult { subscriptionsSetting = setting }),
                text => option.fail(new GeneralCallbackResult { errMsg = text }));
        }
    }
}
