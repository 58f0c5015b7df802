using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Wxsub.Tests
{
    /// <summary>
    /// Reads JSON: objects as Dictionary, arrays as List, numbers as their text. Strict enough to find a builder out.
    /// </summary>
    internal sealed class Json
    {
        private readonly string _text;
        private int _at;

        private Json(string text)
        {
            _text = text;
        }

        internal static object Read(string text)
        {
            var json = new Json(text);
            object value = json.Value();
            json.Blank();
            Check.Equal(text.Length, json._at, "end of " + text);
            return value;
        }

        /// <summary>The value at a path of names and indexes.</summary>
        internal static object At(object value, params object[] path)
        {
            foreach (object step in path)
            {
                value = step is int ? ((List<object>)value)[(int)step] : ((Dictionary<string, object>)value)[(string)step];
            }
            return value;
        }

        private object Value()
        {
            Blank();
            char c = _text[_at];
            if (c == '{')
            {
                var members = new Dictionary<string, object>();
                List('}', () =>
                {
                    Blank();
                    string name = Text();
                    Blank();
                    Take(':');
                    members.Add(name, Value());
                });
                return members;
            }
            if (c == '[')
            {
                var items = new List<object>();
                List(']', () => items.Add(Value()));
                return items;
            }
            return c == '"' ? Text() : Word();
        }

        private void List(char end, Action item)
        {
            _at++;
            Blank();
            if (_text[_at] == end)
            {
                _at++;
                return;
            }
            item();
            for (Blank(); _text[_at] == ','; Blank())
            {
                _at++;
                item();
            }
            Take(end);
        }

        private object Word()
        {
            int from = _at;
            while (_at < _text.Length && ",]} \r\n\t".IndexOf(_text[_at]) < 0)
            {
                _at++;
            }
            string word = _text.Substring(from, _at - from);
            if (word == "null")
            {
                return null;
            }
            if (word == "true" || word == "false")
            {
                return word == "true";
            }
            double.Parse(word, NumberStyles.Float, CultureInfo.InvariantCulture);
            return word;
        }

        private string Text()
        {
            var text = new StringBuilder();
            for (Take('"'); _text[_at] != '"'; _at++)
            {
                char c = _text[_at];
                Check.True(c >= ' ', "no control characters in strings");
                if (c != '\\')
                {
                    text.Append(c);
                    continue;
                }
                c = _text[++_at];
                if (c == 'u')
                {
                    text.Append((char)int.Parse(_text.Substring(_at + 1, 4), NumberStyles.HexNumber));
                    _at += 4;
                    continue;
                }
                int plain = "\"\\/bfnrt".IndexOf(c);
                Check.True(plain >= 0, "escape " + c);
                text.Append("\"\\/\b\f\n\r\t"[plain]);
            }
            _at++;
            return text.ToString();
        }

        private void Take(char c)
        {
            Check.Equal(c, _text[_at], "at " + _at + " of " + _text);
            _at++;
        }

        private void Blank()
        {
            while (_at < _text.Length && " \r\n\t".IndexOf(_text[_at]) >= 0)
            {
                _at++;
            }
        }
    }
}
