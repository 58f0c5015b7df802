using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace WxsubClient
{
    /// <summary>Writes the objects that are reported: one line, no control characters.</summary>
    internal static class Json
    {
        internal static string Of(IEnumerable<KeyValuePair<string, string>> fields)
        {
            var text = new StringBuilder("{");
            foreach (KeyValuePair<string, string> field in fields)
            {
                text.Append(text.Length > 1 ? "," : "").Append(Quote(field.Key)).Append(':').Append(Quote(field.Value ?? ""));
            }
            return text.Append('}').ToString();
        }

        internal static string OfFailure(int errCode, string errMsg)
        {
            string number = errCode == 0 ? "" : ",\"errCode\":" + errCode.ToString(CultureInfo.InvariantCulture);
            return "{\"errMsg\":" + Quote(errMsg) + number + "}";
        }

        internal static string OfSetting(bool mainSwitch, IEnumerable<KeyValuePair<string, string>> items)
        {
            return "{\"mainSwitch\":" + (mainSwitch ? "true" : "false") + ",\"itemSettings\":" + Of(items) + "}";
        }

        private static string Quote(string text)
        {
            var quoted = new StringBuilder(text.Length + 2).Append('"');
            foreach (char c in text)
            {
                if (c == '"' || c == '\\')
                {
                    quoted.Append('\\').Append(c);
                }
                else if (c < ' ' || char.IsSurrogate(c) || c == '\u2028' || c == '\u2029')
                {
                    quoted.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
                }
                else
                {
                    quoted.Append(c);
                }
            }
            return quoted.Append('"').ToString();
        }
    }
}
