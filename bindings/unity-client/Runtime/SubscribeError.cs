using System.Globalization;

namespace WxsubClient
{
    /// <summary>Why there is no answer, for a program and for a person.</summary>
    public sealed class SubscribeError
    {
        private const int LongestText = 500;

        internal SubscribeError(ErrorCode code, string words)
        {
            Code = code;
            Message = words;
            ErrMsg = "";
        }

        private SubscribeError(ErrorCode code, string words, int errCode, string errMsg)
        {
            Code = code;
            Message = words + " (" + errMsg + ")";
            ErrCode = errCode;
            ErrMsg = errMsg;
        }

        /// <summary>What happened, for a program.</summary>
        public ErrorCode Code { get; }

        /// <summary>What happened and what to do, in words; with WeChat's own text.</summary>
        public string Message { get; }

        /// <summary>WeChat's own number; 0 if it gave none.</summary>
        public int ErrCode { get; }

        /// <summary>WeChat's own text; empty if it was not called.</summary>
        public string ErrMsg { get; }

        /// <summary>The message.</summary>
        /// <returns>Code and message.</returns>
        public override string ToString() => Code + ": " + Message;

        internal static SubscribeError Busy => new SubscribeError(ErrorCode.Busy, BusyWords);

        internal static SubscribeError Old =>
            new SubscribeError(ErrorCode.Old, "this WeChat is too old for the call; the player has to update it");

        internal static SubscribeError Full => new SubscribeError(
            ErrorCode.Full, "the server has not taken the earlier answers; call Sync() when it is back");

        internal static SubscribeError NoIds => new SubscribeError(ErrorCode.Ids, "no template id was given");

        internal static SubscribeError BadIds => new SubscribeError(
            ErrorCode.Ids, "an id is not valid; templates belong to Ask(), SYS_MSG_TYPE_... to AskSystem()");

        private const string BusyWords = "the last call has not ended";

        /// <summary>What fail of a call got; some versions of WeChat tell a failure by its text alone.</summary>
        internal static SubscribeError FromWeChat(double errCode, string errMsg)
        {
            string text = errMsg ?? "";
            text = text.Length > LongestText ? text.Substring(0, LongestText) : text;
            int number = errCode >= int.MinValue && errCode <= int.MaxValue ? (int)errCode : 0;
            if (number == 0 && Has(text, "main switch"))
            {
                number = 20004;
            }
            ErrorCode code = Meaning(number, text, out string words);
            return new SubscribeError(code, words, number, text);
        }

        private static ErrorCode Meaning(int errCode, string text, out string words)
        {
            switch (errCode)
            {
                case 10001:
                    return Said(ErrorCode.Ids, NoIds.Message, out words);
                case 10002:
                    return Said(ErrorCode.Network, "WeChat could not load the templates; ask again at a later tap", out words);
                case 10003:
                    return Said(ErrorCode.Network, "WeChat could not store the answer; ask again at a later tap", out words);
                case 10004:
                    return Said(ErrorCode.Ids, BadIds.Message, out words);
                case 10005:
                    return Said(ErrorCode.Hidden, "WeChat could not show the dialog; was the game in the background?", out words);
                case 20001:
                    return Said(ErrorCode.Ids, "this account has no such template, or it is of the call's other kind", out words);
                case 20002:
                    return Said(ErrorCode.Ids, "one-time templates and system types do not mix in one call", out words);
                case 20003:
                    return Said(ErrorCode.Ids, "too many templates in one call", out words);
                case 20004:
                    return Said(
                        ErrorCode.Off,
                        "the player turned this game's subscribe messages off; only the settings page turns them on",
                        out words);
                case 20005:
                    return Said(ErrorCode.Banned, "WeChat banned this game from subscribe messages", out words);
            }
            if (Has(text, "tap") || Has(text, "touchend") || Has(text, "user interaction"))
            {
                return Said(
                    ErrorCode.Tap,
                    "WeChat allows the call only inside a tap: use AskAtTouchEnd(), or call it in WX.OnTouchEnd",
                    out words);
            }
            return Has(text, "last call")
                ? Said(ErrorCode.Busy, BusyWords, out words)
                : Said(ErrorCode.WeChat, "WeChat refused the call", out words);
        }

        private static ErrorCode Said(ErrorCode code, string meaning, out string words)
        {
            words = meaning;
            return code;
        }

        private static bool Has(string text, string part) =>
            CultureInfo.InvariantCulture.CompareInfo.IndexOf(text, part, CompareOptions.OrdinalIgnoreCase) >= 0;
    }
}
