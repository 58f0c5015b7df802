using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text.RegularExpressions;

namespace Wxsub.Tests
{
    /// <summary>wxsub.h, read: what the wrapper is compared with.</summary>
    internal sealed class Header
    {
        private readonly string _code;

        internal Header(string path)
        {
            string text = File.ReadAllText(path);
            text = Regex.Replace(text, @"/\*.*?\*/", "", RegexOptions.Singleline);
            _code = Regex.Replace(text, @"//[^\n]*", "");
            foreach (Match m in Regex.Matches(_code, @"^#define WXSUB_(\w+) (\d+)\s*$", RegexOptions.Multiline))
            {
                Constants.Add(m.Groups[1].Value, int.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture));
            }
            Result = new Struct(_code, "wxsub_result");
            Identity = new Struct(_code, "wxsub_identity");
            Stats = new Struct(_code, "wxsub_stats");
            ReadFunctions();
        }

        /// <summary>Without "WXSUB_".</summary>
        internal Dictionary<string, int> Constants { get; } = new Dictionary<string, int>();

        internal Struct Result { get; }

        internal Struct Identity { get; }

        internal Struct Stats { get; }

        /// <summary>Name to the types of the result and the parameters, blanks and const left out.</summary>
        internal Dictionary<string, List<string>> Functions { get; } = new Dictionary<string, List<string>>();

        private void ReadFunctions()
        {
            foreach (Match m in Regex.Matches(_code, @"^([\w \*]+?)(wxsub_\w+)\(([^()]*)\);", RegexOptions.Multiline))
            {
                var types = new List<string> { Type(m.Groups[1].Value) };
                if (m.Groups[3].Value.Trim() != "void")
                {
                    foreach (string parameter in m.Groups[3].Value.Split(','))
                    {
                        types.Add(Type(Regex.Replace(parameter.Trim(), @"\w+$", "")));
                    }
                }
                Functions.Add(m.Groups[2].Value, types);
            }
        }

        private static string Type(string text) => Regex.Replace(text, @"\s|\bconst\b|\bstruct\b", "");

        /// <summary>A struct's layout.</summary>
        internal sealed class Struct
        {
            internal Struct(string code, string name)
            {
                string body = Regex.Match(code, @"typedef struct " + name + @" \{(.*?)\} " + name + ";", RegexOptions.Singleline)
                    .Groups[1].Value;
                int at = 0;
                int widest = 1;
                foreach (Match m in Regex.Matches(body, @"(\w+)\s+(\w+)(?:\[(\d+)\])?;"))
                {
                    int one = SizeOf(m.Groups[1].Value);
                    int size = m.Groups[3].Success ? one * int.Parse(m.Groups[3].Value) : one;
                    at = (at + one - 1) / one * one;
                    Fields.Add(m.Groups[2].Value, new[] { at, size });
                    at += size;
                    widest = Math.Max(widest, one);
                }
                Size = (at + widest - 1) / widest * widest;
            }

            /// <summary>Name to offset and size.</summary>
            internal Dictionary<string, int[]> Fields { get; } = new Dictionary<string, int[]>();

            internal int Size { get; }

            private static int SizeOf(string type)
            {
                switch (type)
                {
                    case "char": return 1;
                    case "int32_t":
                    case "uint32_t":
                    case "wxsub_status": return 4;
                    case "int64_t":
                    case "uint64_t": return 8;
                    default: throw new Exception("a type that this test does not know: " + type);
                }
            }
        }
    }
}
