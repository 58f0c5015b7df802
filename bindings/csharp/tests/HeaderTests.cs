using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;

namespace Wxsub.Tests
{
    /// <summary>The wrapper says what the header says.</summary>
    internal static class HeaderTests
    {
        private static readonly Header Header = new Header(Simulator.Setting("WXSUB_HEADER", null));

        internal static void AddTo(List<KeyValuePair<string, Action>> tests)
        {
            tests.Add("header: every constant, with its number", Constants);
            tests.Add("header: the structs' layouts", Layout);
            tests.Add("header: every function, with its types", Functions);
            tests.Add("library: version and names", Names);
        }

        private static void Constants()
        {
            Dictionary<string, int> rest = Header.Constants;
            Check.Equal(Library.Abi, rest["ABI"], "ABI");
            rest.Remove("ABI");
            foreach (string name in rest.Keys.Where(n => n.StartsWith("HTTP_", StringComparison.Ordinal)).ToList())
            {
                rest.Remove(name);
            }
            Same(typeof(Status), "E_", rest, new[] { "OK" });
            Same(typeof(Retry), "RETRY_", rest);
            Same(typeof(QuotaChange), "QUOTA_", rest);
            Same(typeof(LogLevel), "LOG_", rest);
            Same(typeof(Answer), null, rest, new[] { "ACCEPT", "REJECT", "BAN", "FILTER" });
            Same(typeof(ResultFlags), null, rest, new[] { "REPLAYED", "STORED", "OUTCOME", "NOT_OURS" }, new[] { "None" });
            Check.Equal("", string.Join(", ", rest.Keys), "constants that the wrapper lacks:");
        }

        private static void Same(
            Type type, string prefix, Dictionary<string, int> rest, string[] others = null, string[] own = null)
        {
            var mine = new Dictionary<string, int>();
            foreach (object value in Enum.GetValues(type))
            {
                if (own == null || !own.Contains(value.ToString()))
                {
                    mine.Add(value.ToString().ToLowerInvariant(), (int)value);
                }
            }
            foreach (string name in rest.Keys.ToList())
            {
                bool prefixed = prefix != null && name.StartsWith(prefix, StringComparison.Ordinal);
                if (!prefixed && (others == null || !others.Contains(name)))
                {
                    continue;
                }
                string key = (prefixed ? name.Substring(prefix.Length) : name).Replace("_", "").ToLowerInvariant();
                Check.True(mine.ContainsKey(key), type.Name + " has " + name);
                Check.Equal(rest[name], mine[key], name);
                mine.Remove(key);
                rest.Remove(name);
            }
            Check.Equal("", string.Join(", ", mine.Keys), type.Name + " has more than the header:");
        }

        private static void Layout()
        {
            Check.Equal(17, Header.Result.Fields.Count, "fields");
            Layout(Header.Result, 448, typeof(ResultBuffer), typeof(Result));
            var buffer = new ResultBuffer(2);
            Check.Equal(448u, BitConverter.ToUInt32(buffer.Bytes, 0), "struct_size");
            Check.Equal(448u, BitConverter.ToUInt32(buffer.Bytes, 448), "struct_size of the second");

            Check.Equal(5, Header.Identity.Fields.Count, "fields");
            Layout(Header.Identity, 200, typeof(IdentityBuffer), typeof(Identity));
            Check.Equal(200u, BitConverter.ToUInt32(new IdentityBuffer().Bytes, 0), "struct_size");

            Check.Equal(27, Header.Stats.Fields.Count, "fields");
            Layout(Header.Stats, 208, typeof(StatsBuffer), typeof(Stats));
            var stats = new StatsBuffer();
            Check.Equal(208u, BitConverter.ToUInt32(stats.Bytes, 0), "struct_size");
            foreach (KeyValuePair<string, int[]> field in Header.Stats.Fields.Where(f => f.Value[1] == 8))
            {
                BitConverter.GetBytes((ulong)field.Value[0]).CopyTo(stats.Bytes, field.Value[0]);
            }
            object shown = new Stats(stats.Bytes);
            foreach (PropertyInfo property in typeof(Stats).GetProperties())
            {
                int at = Header.Stats.Fields.Single(f => Same(f.Key.Replace("_", ""), property.Name)).Value[0];
                Check.Equal((ulong)at, (ulong)property.GetValue(shown), property.Name);
            }
        }

        private static void Layout(Header.Struct header, int size, Type buffer, Type shown)
        {
            Check.Equal(size, header.Size, "the header's size");
            Check.Equal(size, Constant(buffer, "Size"), "the wrapper's size");
            foreach (KeyValuePair<string, int[]> field in header.Fields.Where(f => f.Key != "struct_size"))
            {
                string name = field.Key.Replace("_", "");
                Check.Equal(field.Value[0], Constant(buffer, name + "At"), field.Key);
                if (field.Value[1] > 8)
                {
                    Check.Equal(field.Value[1], Constant(buffer, name + "Size"), field.Key);
                }
                Check.True(
                    name == "reserved" || shown.GetProperties().Any(p => Same(p.Name, name)), shown.Name + " has " + field.Key);
            }
        }

        private static int Constant(Type type, string name)
        {
            FieldInfo field = type.GetFields(BindingFlags.Static | BindingFlags.NonPublic)
                .FirstOrDefault(f => Same(f.Name, name));
            Check.True(field != null, type.Name + " has " + name);
            return (int)field.GetRawConstantValue();
        }

        private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

        /// <summary>Not wrapped; the README says why.</summary>
        private static readonly string[] LeftOut = { "wxsub_poll_handle", "wxsub_set_transport" };

        private static void Functions()
        {
            MethodInfo[] bound = typeof(Native).GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
                .Where(m => m.Name.StartsWith("wxsub_", StringComparison.Ordinal)).ToArray();
            Check.Equal(
                string.Join(" ", Header.Functions.Keys.Except(LeftOut).OrderBy(n => n)), string.Join(" ", bound.Select(m => m.Name).OrderBy(n => n)));
            foreach (MethodInfo method in bound)
            {
                List<string> types = Header.Functions[method.Name];
                ParameterInfo[] parameters = method.GetParameters();
                Check.Equal(types.Count - 1, parameters.Length, method.Name + ": number of parameters");
                Check.True(Fits(types[0], method.ReturnType), method.Name + " returns " + types[0]);
                for (int i = 0; i < parameters.Length; i++)
                {
                    Check.True(
                        Fits(types[i + 1], parameters[i].ParameterType), method.Name + ": " + parameters[i].Name + " is " + types[i + 1]);
                }
            }
        }

        private static bool Fits(string native, Type type)
        {
            switch (native)
            {
                case "void": return type == typeof(void);
                case "wxsub_status":
                case "int32_t": return type == typeof(int);
                case "uint32_t": return type == typeof(uint);
                case "size_t": return type == typeof(UIntPtr);
                case "size_t*": return type == typeof(UIntPtr).MakeByRefType();
                case "uint64_t": return type == typeof(ulong);
                case "uint64_t*": return type == typeof(ulong).MakeByRefType();
                case "int64_t*": return type == typeof(long).MakeByRefType();
                case "void*": return type == typeof(IntPtr);
                case "char*": return type == typeof(byte[]) || type == typeof(IntPtr);
                case "wxsub_result*": return type == typeof(byte[]) || type == typeof(ResultMemory);
                case "wxsub_stats*":
                case "wxsub_identity*": return type == typeof(byte[]);
                case "wxsub_client*": return type == typeof(ClientHandle) || type == typeof(IntPtr);
                case "wxsub_client**": return type == typeof(IntPtr).MakeByRefType();
                case "wxsub_log_fn": return type == typeof(Native.LogFn);
                case "wxsub_destroy_fn": return type == typeof(Native.DestroyFn);
                default: return false;
            }
        }

        private static void Names()
        {
            Check.Contains("sqlite", Library.Version);
            Check.Equal("WXSUB_E_NO_QUOTA", Library.StatusName(Status.NoQuota));
            foreach (Status status in Enum.GetValues(typeof(Status)))
            {
                Check.Lacks("?", Library.StatusName(status));
            }
            Check.Equal("WXSUB_E_?", Library.StatusName((Status)999), "a number from the future");
            var bytes = new byte[448];
            BitConverter.GetBytes(999).CopyTo(bytes, ResultBuffer.StatusAt);
            var unknown = new Result(bytes, 0);
            Check.Equal(999, (int)unknown.Status);
            Check.True(!unknown.IsOk, "an unknown status is no success");
            Check.Equal("WXSUB_E_? (999)", unknown.ToString());
        }
    }
}
