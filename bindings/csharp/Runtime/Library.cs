using System;
using System.Globalization;

namespace Wxsub
{
    /// <summary>The native library itself: its versions, and the closing of everything that is open.</summary>
    public static class Library
    {
        /// <summary>The ABI that this wrapper was written for; the library's must be at least this.</summary>
        public const int Abi = 2;

        private static volatile bool _checked;

        /// <summary>"0.1.0 (sqlite 3.x)": the library's version and that of the SQLite in it.</summary>
        /// <exception cref="LibraryException">There is no usable library.</exception>
        public static string Version
        {
            get
            {
                Check();
                return Utf8.Text(Native.wxsub_version());
            }
        }

        /// <summary>The constant's name, such as "WXSUB_E_NO_QUOTA"; "WXSUB_E_?" for an unknown number.</summary>
        /// <param name="status">A verdict.</param>
        /// <returns>Its name in the C header.</returns>
        /// <exception cref="LibraryException">There is no usable library.</exception>
        public static string StatusName(Status status)
        {
            Check();
            return Utf8.Text(Native.wxsub_status_name((int)status));
        }

        /// <summary>
        /// Closes every client of this process that is open, as <see cref="Client.Dispose"/> does, and waits until no
        /// log handler runs any more. Before the code is unloaded (Unity's editor does this by itself, see
        /// Editor/ReloadGuard.cs). Not from within a log handler.
        /// </summary>
        public static void CloseAll()
        {
            OpenClients.CloseAll();
            LogHook.WaitUntilUnused(TimeSpan.FromSeconds(2));
        }

        /// <summary>Loads the library if it is not yet loaded, and compares the ABI numbers.</summary>
        internal static void Check()
        {
            if (_checked)
            {
                return;
            }
            long abi = LoadedAbi();
            if (abi < Abi)
            {
                throw new LibraryException(string.Format(
                    CultureInfo.InvariantCulture,
                    "the native library wxsub has ABI {0}, this wrapper needs at least {1}: install the library of the"
                    + " same release (in Unity's editor, restart it: it never unloads a plugin)", abi, Abi));
            }
            _checked = true;
        }

        private static uint LoadedAbi()
        {
            try
            {
                return Native.wxsub_abi();
            }
            catch (DllNotFoundException e)
            {
                throw new LibraryException(
                    "the native library wxsub (libwxsub.so, wxsub.dll, libwxsub.dylib) was not found: put it beside"
                    + " the program or on LD_LIBRARY_PATH, in Unity under Assets/Plugins/x86_64", e);
            }
            catch (BadImageFormatException e)
            {
                throw new LibraryException(
                    "the native library wxsub is for another machine or operating system than this process", e);
            }
            catch (EntryPointNotFoundException e)
            {
                throw new LibraryException("a library was found by the name wxsub, but it is another one", e);
            }
        }
    }
}
