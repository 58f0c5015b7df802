namespace WxsubClient
{
    /// <summary>What became of a call, for a program.</summary>
    public enum ErrorCode
    {
        /// <summary>Nothing went wrong.</summary>
        None,

        /// <summary>Outside a tap: WeChat allows the call only in a touch end.</summary>
        Tap,

        /// <summary>A dialog is open already.</summary>
        Busy,

        /// <summary>The player turned the main switch off: a refusal of everything.</summary>
        Off,

        /// <summary>WeChat banned the game from subscribe messages.</summary>
        Banned,

        /// <summary>The phone's network: ask again at a later tap.</summary>
        Network,

        /// <summary>WeChat could not show the dialog; the game was in the background.</summary>
        Hidden,

        /// <summary>A mistake in the ids.</summary>
        Ids,

        /// <summary>This WeChat is too old.</summary>
        Old,

        /// <summary>The server has not taken the last 50 answers; WeChat was not called.</summary>
        Full,

        /// <summary>Anything else; see <see cref="SubscribeError.ErrCode"/>.</summary>
        WeChat,
    }
}
