using System;

namespace Wxsub
{
    /// <summary>Memory for a wxsub_stats, as bytes: see <see cref="ResultBuffer"/>.</summary>
    internal sealed class StatsBuffer
    {
        internal const int Size = 208;

        internal const int ReservedAt = 4;
        internal const int SentAt = 8;
        internal const int RefusedAt = 16;
        internal const int NoQuotaAt = 24;
        internal const int BadMessageAt = 32;
        internal const int BusyAt = 40;
        internal const int AuthAt = 48;
        internal const int BannedAt = 56;
        internal const int WeChatAt = 64;
        internal const int ConnectAt = 72;
        internal const int UnknownAt = 80;
        internal const int CancelledAt = 88;
        internal const int ExpiredAt = 96;
        internal const int StoreAt = 104;
        internal const int OtherAt = 112;
        internal const int ReplayedAt = 120;
        internal const int ReportsAt = 128;
        internal const int TokenCallsAt = 136;
        internal const int QueuedAt = 144;
        internal const int RunningAt = 152;
        internal const int ResultsAt = 160;
        internal const int LostResultsAt = 168;
        internal const int OutboxWaitingAt = 176;
        internal const int OutboxDueAt = 184;
        internal const int OutboxOldestDueMsAt = 192;
        internal const int SkippedAt = 200;

        internal StatsBuffer()
        {
            BitConverter.GetBytes((uint)Size).CopyTo(Bytes, 0);
        }

        internal byte[] Bytes { get; } = new byte[Size];
    }
}
