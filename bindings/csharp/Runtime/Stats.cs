using System;

namespace Wxsub
{
    /// <summary>
    /// What a client has done since it was opened, and what waits now. Messages are counted once, by their final
    /// verdict, however they were sent.
    /// </summary>
    public struct Stats
    {
        internal Stats(byte[] bytes)
        {
            Sent = BitConverter.ToUInt64(bytes, StatsBuffer.SentAt);
            Refused = BitConverter.ToUInt64(bytes, StatsBuffer.RefusedAt);
            NoQuota = BitConverter.ToUInt64(bytes, StatsBuffer.NoQuotaAt);
            BadMessage = BitConverter.ToUInt64(bytes, StatsBuffer.BadMessageAt);
            Busy = BitConverter.ToUInt64(bytes, StatsBuffer.BusyAt);
            Auth = BitConverter.ToUInt64(bytes, StatsBuffer.AuthAt);
            Banned = BitConverter.ToUInt64(bytes, StatsBuffer.BannedAt);
            WeChat = BitConverter.ToUInt64(bytes, StatsBuffer.WeChatAt);
            Connect = BitConverter.ToUInt64(bytes, StatsBuffer.ConnectAt);
            Unknown = BitConverter.ToUInt64(bytes, StatsBuffer.UnknownAt);
            Cancelled = BitConverter.ToUInt64(bytes, StatsBuffer.CancelledAt);
            Expired = BitConverter.ToUInt64(bytes, StatsBuffer.ExpiredAt);
            Store = BitConverter.ToUInt64(bytes, StatsBuffer.StoreAt);
            Other = BitConverter.ToUInt64(bytes, StatsBuffer.OtherAt);
            Replayed = BitConverter.ToUInt64(bytes, StatsBuffer.ReplayedAt);
            Reports = BitConverter.ToUInt64(bytes, StatsBuffer.ReportsAt);
            TokenCalls = BitConverter.ToUInt64(bytes, StatsBuffer.TokenCallsAt);
            Queued = BitConverter.ToUInt64(bytes, StatsBuffer.QueuedAt);
            Running = BitConverter.ToUInt64(bytes, StatsBuffer.RunningAt);
            Results = BitConverter.ToUInt64(bytes, StatsBuffer.ResultsAt);
            LostResults = BitConverter.ToUInt64(bytes, StatsBuffer.LostResultsAt);
            OutboxWaiting = BitConverter.ToUInt64(bytes, StatsBuffer.OutboxWaitingAt);
            OutboxDue = BitConverter.ToUInt64(bytes, StatsBuffer.OutboxDueAt);
            OutboxOldestDueMs = BitConverter.ToUInt64(bytes, StatsBuffer.OutboxOldestDueMsAt);
            Skipped = BitConverter.ToUInt64(bytes, StatsBuffer.SkippedAt);
        }

        /// <summary>Messages that WeChat took.</summary>
        public ulong Sent { get; }

        /// <summary>Messages that ended as <see cref="Status.Refused"/>.</summary>
        public ulong Refused { get; }

        /// <summary>As <see cref="Status.NoQuota"/>.</summary>
        public ulong NoQuota { get; }

        /// <summary>As <see cref="Status.Message"/>.</summary>
        public ulong BadMessage { get; }

        /// <summary>As <see cref="Status.Busy"/>.</summary>
        public ulong Busy { get; }

        /// <summary>As <see cref="Status.Auth"/>.</summary>
        public ulong Auth { get; }

        /// <summary>As <see cref="Status.Banned"/>.</summary>
        public ulong Banned { get; }

        /// <summary>As <see cref="Status.WeChat"/>.</summary>
        public ulong WeChat { get; }

        /// <summary>As <see cref="Status.Connect"/>.</summary>
        public ulong Connect { get; }

        /// <summary>As <see cref="Status.Unknown"/>: maybe sent.</summary>
        public ulong Unknown { get; }

        /// <summary>As <see cref="Status.Cancelled"/>.</summary>
        public ulong Cancelled { get; }

        /// <summary>As <see cref="Status.Expired"/>.</summary>
        public ulong Expired { get; }

        /// <summary>As <see cref="Status.Store"/>.</summary>
        public ulong Store { get; }

        /// <summary>In any other way.</summary>
        public ulong Other { get; }

        /// <summary>Calls that were answered as an earlier one with their key; not counted above.</summary>
        public ulong Replayed { get; }

        /// <summary>Answers of players that were reported.</summary>
        public ulong Reports { get; }

        /// <summary>Requests for an access token.</summary>
        public ulong TokenCalls { get; }

        /// <summary>Now: submitted messages and reports that wait in this process.</summary>
        public ulong Queued { get; }

        /// <summary>Now: calls that run, and what the library's threads work on.</summary>
        public ulong Running { get; }

        /// <summary>Now: results that wait to be polled.</summary>
        public ulong Results { get; }

        /// <summary>
        /// Outcomes that were not kept, since nobody had polled for 10 s and the configured number of results waited.
        /// </summary>
        public ulong LostResults { get; }

        /// <summary>Now: messages in the store, of all processes.</summary>
        public ulong OutboxWaiting { get; }

        /// <summary>Now: those of them that are due and not yet taken up; at most 100000 are counted.</summary>
        public ulong OutboxDue { get; }

        /// <summary>Now: milliseconds since the oldest of those was due.</summary>
        public ulong OutboxOldestDueMs { get; }

        /// <summary>Messages that ended as <see cref="Status.Skipped"/>: a rule kept them back.</summary>
        public ulong Skipped { get; }

        /// <summary>The numbers of messages and of what waits, on one line; for logs.</summary>
        /// <returns>Such as "sent 3, failed 1, replayed 0; queued 0, running 0, results 0; outbox 2, due 1".</returns>
        public override string ToString()
        {
            ulong failed = Refused + NoQuota + BadMessage + Busy + Auth + Banned + WeChat + Connect + Unknown + Cancelled
                + Expired + Store + Other;
            return "sent " + Sent + ", failed " + failed + ", replayed " + Replayed + "; queued " + Queued + ", running "
                + Running + ", results " + Results + "; outbox " + OutboxWaiting + ", due " + OutboxDue;
        }
    }
}
