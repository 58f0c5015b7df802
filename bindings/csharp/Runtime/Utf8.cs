using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Wxsub
{
    /// <summary>Text to and from the library: NUL-terminated UTF-8.</summary>
    internal static class Utf8
    {
        private static readonly UTF8Encoding Strict = new UTF8Encoding(false, true);

        /// <summary>
        /// The text for a native call; null stays null. What a C string can't carry unchanged (U+0000, half a
        /// surrogate pair) is handed in up to there and then as no UTF-8, so that the library refuses it, with the
        /// argument's name and the place, instead of taking another text.
        /// </summary>
        internal static byte[] Bytes(string text)
        {
            if (text == null)
            {
                return null;
            }
            int nul = text.IndexOf('\0');
            if (nul >= 0)
            {
                return Broken(text, nul, 0xFF);
            }
            try
            {
                var bytes = new byte[Strict.GetByteCount(text) + 1];
                Strict.GetBytes(text, 0, text.Length, bytes, 0);
                return bytes;
            }
            catch (EncoderFallbackException e)
            {
                // Half a pair as the three bytes that it would be: the library knows it by them.
                int half = text[e.Index];
                return Broken(text, e.Index, 0xE0 | half >> 12, 0x80 | half >> 6 & 0x3F, 0x80 | half & 0x3F);
            }
        }

        /// <summary>The text's first characters, bytes that are no UTF-8, and a NUL.</summary>
        private static byte[] Broken(string text, int length, params int[] bad)
        {
            byte[] first = Encoding.UTF8.GetBytes(text.Substring(0, length));
            var bytes = new byte[first.Length + bad.Length + 1];
            first.CopyTo(bytes, 0);
            for (int i = 0; i < bad.Length; i++)
            {
                bytes[first.Length + i] = (byte)bad[i];
            }
            return bytes;
        }

        /// <summary>Overwrites a secret, after the call.</summary>
        internal static void Wipe(byte[] secret)
        {
            if (secret != null)
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
