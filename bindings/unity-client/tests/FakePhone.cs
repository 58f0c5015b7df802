using System;
using System.Collections.Generic;
using WeChatWASM;

namespace WxsubClient.Tests
{
    /// <summary>WeChat on a phone: outlives a game that is killed.</summary>
    public sealed class FakePhone
    {
        internal readonly Dictionary<string, string> Storage = new Dictionary<string, string>();
        internal readonly List<string[]> Calls = new List<string[]>();

        internal string BaseLibrary = "3.8.0";
        internal bool InTap = true;
        internal bool StorageFull;
        internal bool StorageUnreadable;

        /// <summary>Readings until one fails, once.</summary>
        internal int FailsAfter = int.MaxValue;
        internal SubscriptionsSetting Setting = new SubscriptionsSetting { mainSwitch = true };

        /// <summary>The next answers; null: none until the test calls <see cref="Answer"/>.</summary>
        internal string Word = "accept";
        internal int FailCode;
        internal string FailText;

        /// <summary>Answers the last call that got none yet.</summary>
        internal Action<string> Answer;

        /// <summary>Wraps whatever the outside does to the game or for it; a test that kills games replaces it.</summary>
        internal Action<Action> Step = run => run();

        /// <summary>The same for what calls back into the game.</summary>
        internal Action<Action> Back = run => run();

        internal event Action<OnTouchStartListenerResult> Touched;

        internal Action<OnTouchStartListenerResult> TouchEnd
        {
            get => Touched;
            set => Touched = value;
        }

        internal static void Copy(Dictionary<string, string> from, Dictionary<string, string> to)
        {
            foreach (KeyValuePair<string, string> item in from)
            {
                to[item.Key] = item.Value;
            }
        }

        /// <summary>A touch ends: where WeChat allows its dialog.</summary>
        internal void EndTouch()
        {
            InTap = true;
            Touched?.Invoke(new OnTouchStartListenerResult());
            InTap = false;
        }

        internal void Ask(string[] ids, Action<Dictionary<string, string>> success, Action<double, string> fail)
        {
            Step(() =>
            {
                Calls.Add(ids);
                Answer = word =>
                {
                    var words = new Dictionary<string, string>();
                    foreach (string id in ids)
                    {
                        words[id] = word;
                    }
                    Back(() => success(words));
                };
                if (!InTap)
                {
                    Back(() => fail(0, "requestSubscribeMessage:fail can only be invoked by user TAP gesture."));
                }
                else if (FailText != null)
                {
                    Back(() => fail(FailCode, FailText));
                }
                else if (Word != null)
                {
                    Answer(Word);
                }
            });
        }

        internal void GetSetting(bool withSubscriptions, Action<SubscriptionsSetting> success, Action<string> fail)
        {
            Step(() =>
            {
                if (Setting == null)
                {
                    Back(() => fail("getSetting:fail"));
                }
                else
                {
                    Back(() => success(withSubscriptions ? Setting : null));
                }
            });
        }

        internal void Save(string key, string value)
        {
            Step(() =>
            {
                if (!StorageFull)
                {
                    Storage[key] = value;
                }
            });
        }

        internal string Load(string key, string defaultValue)
        {
            string text = defaultValue;
            Step(() =>
            {
                bool fails = StorageUnreadable || FailsAfter == 0;
                FailsAfter = FailsAfter == int.MaxValue ? FailsAfter : FailsAfter - 1;
                if (!fails && Storage.TryGetValue(key, out string stored) && stored.Length > 0)
                {
                    text = stored;
                }
            });
            return text;
        }
    }
}
