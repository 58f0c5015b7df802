using System;
using System.Globalization;
using System.Text;

namespace Wxsub
{
    /// <summary>Writes a JSON object, field by field; a null value, or an empty object, leaves its field out.</summary>
    internal sealed class JsonObject
    {
        private readonly StringBuilder _text = new StringBuilder("{");

        /// <summary>Whether nothing was added.</summary>
        internal bool IsEmpty => _text.Length == 1;

        internal JsonObject Add(string name, string value)
        {
            return value == null ? this : AddRaw(name, Quote(value));
        }

        internal JsonObject Add(string name, string value, bool isJson)
        {
            return value == null ? this : isJson ? AddRaw(name, value) : Add(name, value);
        }

        internal JsonObject Add(string name, string[] values)
        {
            if (values == null)
            {
                return this;
            }
            var list = new StringBuilder("[");
            foreach (string value in values)
            {
                list.Append(list.Length > 1 ? "," : "").Append(value == null ? "null" : Quote(value));
            }
            return AddRaw(name, list.Append(']').ToString());
        }

        internal JsonObject Add(string name, int? value)
        {
            return value == null ? this : AddRaw(name, value.Value.ToString(CultureInfo.InvariantCulture));
        }

        internal JsonObject Add(string name, ulong? value)
        {
            return value == null ? this : AddRaw(name, value.Value.ToString(CultureInfo.InvariantCulture));
        }

        internal JsonObject Add(string name, double? value)
        {
            return value == null ? this : AddRaw(name, value.Value.ToString("R", CultureInfo.InvariantCulture));
        }

        internal JsonObject Add(string name, bool? value)
        {
            return value == null ? this : AddRaw(name, value.Value ? "true" : "false");
        }

        /// <summary>A point in time, as Unix milliseconds.</summary>
        internal JsonObject Add(string name, DateTimeOffset? value)
        {
            return value == null
                ? this
                : AddRaw(name, value.Value.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture));
        }

        internal JsonObject Add(string name, JsonObject value)
        {
            return value.IsEmpty ? this : AddRaw(name, value.ToString());
        }

        /// <summary>Adds a value that is JSON already.</summary>
        internal JsonObject AddRaw(string name, string json)
        {
            _text.Append(_text.Length > 1 ? "," : "").Append(Quote(name)).Append(':').Append(json);
            return this;
        }

        public override string ToString() => _text + "}";

        internal static string Quote(string text)
        {
            var quoted = new StringBuilder(text.Length + 2).Append('"');
            foreach (char c in text)
            {
                if (c == '"' || c == '\\')
                {
                    quoted.Append('\\').Append(c);
                }
                else if (c < ' ')
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
