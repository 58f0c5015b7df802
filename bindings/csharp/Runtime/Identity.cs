namespace Wxsub
{
    /// <summary>Who a player is. Immutable.</summary>
    public sealed class Identity
    {
        internal Identity(byte[] bytes)
        {
            Openid = Utf8.Text(bytes, IdentityBuffer.OpenidAt, IdentityBuffer.OpenidSize);
            Unionid = Utf8.Text(bytes, IdentityBuffer.UnionidAt, IdentityBuffer.UnionidSize);
            SessionKey = Utf8.Text(bytes, IdentityBuffer.SessionKeyAt, IdentityBuffer.SessionKeySize);
        }

        /// <summary>The player's id in this game.</summary>
        public string Openid { get; }

        /// <summary>The player's id among all apps of the same owner; empty when WeChat gives none.</summary>
        public string Unionid { get; }

        /// <summary>Signs what the player's client sends. It must not leave the server.</summary>
        public string SessionKey { get; }

        /// <summary>The openid; for logs.</summary>
        /// <returns>Never the session key.</returns>
        public override string ToString() => Openid;
    }
}
