#if UNITY_SERVER || UNITY_EDITOR || WXSUB_STANDALONE
using System;
using System.IO;
using UnityEngine;

namespace Wxsub.Samples
{
    /// <summary>
    /// Put it on one object of the server's first scene. It opens one client for the whole server, sends from threads of
    /// the library, and takes what came of it in Update: nothing waits, and all of your code runs on the main thread.
    ///
    /// The environment has what may not be in a build: WXSUB_APPID, WXSUB_SECRET, and for a simulator WXSUB_API_BASE.
    /// </summary>
    public sealed class ServerMessages : MonoBehaviour
    {
        [Tooltip("The id of your template, from WeChat's console.")]
        public string templateId = "TEMPLATE_ID";

        private Client _client;
        private Tickets _tickets;

        /// <summary>The one of this server; null before Awake, after OnDestroy, and when it could not be opened.</summary>
        public static ServerMessages Instance { get; private set; }

        private void Awake()
        {
            if (Instance != null)
            {
                Destroy(gameObject);
                return;
            }
            string apiBase = Environment.GetEnvironmentVariable("WXSUB_API_BASE");
            _client = Client.Open(new Config
            {
                Appid = Environment.GetEnvironmentVariable("WXSUB_APPID"),
                Secret = Environment.GetEnvironmentVariable("WXSUB_SECRET"),
                Store = Path.Combine(Application.persistentDataPath, "wxsub.db"),
                ApiBase = string.IsNullOrEmpty(apiBase) ? null : new[] { apiBase },
            }, out Result why);
            if (_client == null)
            {
                Debug.LogError("wxsub: " + why);
                return;
            }
            _client.SetLog((level, line) => Debug.Log("wxsub: " + line), LogLevel.Warn);
            _tickets = new Tickets(_client);
            _tickets.Other += outcome => Debug.Log("wxsub: " + outcome.Key + ": " + outcome);
            Instance = this;
            DontDestroyOnLoad(gameObject);
        }

        private void Update()
        {
            _tickets?.Pump();
        }

        /// <summary>From your network code: what wx.requestSubscribeMessage gave the player's client.</summary>
        /// <param name="openid">The player, from your own session and not from the message.</param>
        /// <param name="answer">What the player answered.</param>
        /// <param name="key">An id of this one answer, made by the player's client.</param>
        public async void Answered(string openid, Answer answer, string key)
        {
            Result result = await _tickets.SubmitReportAsync(openid, templateId, answer, key);
            if (!result.IsOk)
            {
                Debug.LogWarning("wxsub: not counted, the client should tell it again: " + result);
            }
        }

        /// <summary>When the player leaves. The same call again moves it, also after a restart.</summary>
        /// <param name="openid">The player.</param>
        /// <param name="time">When the stamina is full.</param>
        public async void StaminaFullAt(string openid, DateTimeOffset time)
        {
            Message message = new Message(openid, templateId)
                .Set("thing1", "体力已满，快来玩吧")
                .Set("time2", time.ToString("HH:mm"));
            Result result = await _tickets.SubmitAsync(message, new SubmitOptions
            {
                Key = "stamina",
                DeliverAt = time,
                OnConflict = OnConflict.Replace,
            });
            if (!result.IsOk)
            {
                Debug.LogWarning("wxsub: not stored: " + result);
            }
        }

        private void OnDestroy()
        {
            if (_client == null)
            {
                return;
            }
            _client.Shutdown(2000, out long unfinished);
            while (_tickets.Pump() > 0)
            {
            }
            _tickets.Dispose();
            _client.Dispose();
            Instance = Instance == this ? null : Instance;
            if (unfinished > 0)
            {
                Debug.LogWarning("wxsub: did not end in time: " + unfinished);
            }
        }
    }
}
#endif
