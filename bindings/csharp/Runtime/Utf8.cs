using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Wxsub
{
    /// <summary>Text to and from the library: NUL-terminated UTF-8.</summary>
    internal static class Utf8
    {
        private static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>Not UTF-8: the library turns it down as such, with the argument's name.</summary>
        private static readonly byte[] Bad = { 0xFF, 0 };

        /// <summary>
        /// The text for a native call; null stays null. What a C string can't carry unchanged (U+0000, half a
        /// surrogate pair) is handed in as invalid, so that the library refuses it instead of taking another text.
        /// </summary>
        internal static byte[] Bytes(string text)
        {
            if (text == null)
            {
                return null;
            }
            if (text.IndexOf('\0') >= 0)
            {
                return Bad;
            }
            try
            {
                var bytes = new byte[Strict.GetByteCount(text) + 1];
                Strict.GetBytes(text, 0, text.Length, bytes, 0);
                return bytes;
            }
            catch (EncoderFallbackException)
            {
                return Bad;
            }
        }

        /// <summary>Overwrites a secret, after the call.</summary>
        internal static void Wipe(byte[] secret)
        {
            if (secret != null && secret != Bad)
            {
                Array.Clear(secret, 0, secret.Length);
            }
        }

        /// <summary>The text of the first <paramref name="length"/> bytes.</summary>
        internal static string Text(byte[] bytes, UIntPtr length) => Encoding.UTF8.GetString(bytes, 0, (int)length);

        /// <summary>The text in a field of fixed size, up to its NUL.</summary>
        internal static string Text(byte[] bytes, int offset, int size)
        {
            int end = Array.IndexOf(bytes, (byte)0, offset, size);
            return Encoding.UTF8.GetString(bytes, offset, (end < 0 ? offset + size : end) - offset);
        }

        /// <summary>The NUL-terminated text at an address of the library's.</summary>
        internal static string Text(IntPtr address)
        {
            int length = 0;
            while (Marshal.ReadByte(address, length) != 0)
            {
                length++;
            }
            var bytes = new byte[length];
            Marshal.Copy(address, bytes, 0, length);
            return Encoding.UTF8.GetString(bytes);
        }
    }
}
