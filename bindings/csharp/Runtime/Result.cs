using System;

namespace Wxsub
{
    /// <summary>What became of one report or one message. Immutable.</summary>
    public sealed class Result
    {
        internal Result(byte[] bytes, int at)
        {
            Status = (Status)BitConverter.ToInt32(bytes, at + ResultBuffer.StatusAt);
            Errcode = BitConverter.ToInt32(bytes, at + ResultBuffer.ErrcodeAt);
            HttpStatus = BitConverter.ToInt32(bytes, at + ResultBuffer.HttpStatusAt);
            Retry = (Retry)BitConverter.ToInt32(bytes, at + ResultBuffer.RetryAt);
            Quota = (QuotaChange)BitConverter.ToInt32(bytes, at + ResultBuffer.QuotaAt);
            Remaining = BitConverter.ToInt64(bytes, at + ResultBuffer.RemainingAt);
            MsgId = BitConverter.ToInt64(bytes, at + ResultBuffer.MsgIdAt);
            Ticket = BitConverter.ToUInt64(bytes, at + ResultBuffer.TicketAt);
            Tag = BitConverter.ToUInt64(bytes, at + ResultBuffer.TagAt);
            Attempts = BitConverter.ToUInt32(bytes, at + ResultBuffer.AttemptsAt);
            ElapsedMs = BitConverter.ToUInt32(bytes, at + ResultBuffer.ElapsedMsAt);
            RetryAfterMs = BitConverter.ToUInt32(bytes, at + ResultBuffer.RetryAfterMsAt);
            Flags = (ResultFlags)BitConverter.ToUInt32(bytes, at + ResultBuffer.FlagsAt);
            TemplateId = Utf8.Text(bytes, at + ResultBuffer.TemplateIdAt, ResultBuffer.TemplateIdSize);
            Key = Utf8.Text(bytes, at + ResultBuffer.KeyAt, ResultBuffer.KeySize);
            Message = Utf8.Text(bytes, at + ResultBuffer.MessageAt, ResultBuffer.MessageSize);
        }

        /// <summary>A result of a function that answers with a status alone.</summary>
        internal Result(int status)
        {
            Status = (Status)status;
            Remaining = -1;
            TemplateId = Key = Message = "";
        }

        /// <summary>The verdict.</summary>
        public Status Status { get; }

        /// <summary>WeChat's own number; 0 when WeChat did not answer with one.</summary>
        public int Errcode { get; }

        /// <summary>0 when there was no answer.</summary>
        public int HttpStatus { get; }

        /// <summary>Whether the same call is worth making again.</summary>
        public Retry Retry { get; }

        /// <summary>What the call did to the count.</summary>
        public QuotaChange Quota { get; }

        /// <summary>Count left for this player and template; -1 not known.</summary>
        public long Remaining { get; }

        /// <summary>WeChat's message id; 0 none.</summary>
        public long MsgId { get; }

        /// <summary>
        /// The number of what was submitted, the same in the result of <see cref="Client.Submit(string, string)"/> and in
        /// the polled one; 0 otherwise, and for an outcome.
        /// </summary>
        public ulong Ticket { get; }

        /// <summary>
        /// The caller's own number (<see cref="SendOptions.Tag"/>, <see cref="SubmitOptions.Tag"/>), echoed.
        /// </summary>
        public ulong Tag { get; }

        /// <summary>HTTP requests made for the send itself.</summary>
        public uint Attempts { get; }

        /// <summary>How long the call took, in milliseconds.</summary>
        public uint ElapsedMs { get; }

        /// <summary>With <see cref="Wxsub.Retry.Later"/>: how many milliseconds to wait at least.</summary>
        public uint RetryAfterMs { get; }

        /// <summary>What else is to be said.</summary>
        public ResultFlags Flags { get; }

        /// <summary>The template; cut after 63 bytes; empty when none.</summary>
        public string TemplateId { get; }

        /// <summary>The idempotency key; cut after 63 bytes; empty when none.</summary>
        public string Key { get; }

        /// <summary>What happened and what to do, without secrets.</summary>
        public string Message { get; }

        /// <summary>Whether the verdict is <see cref="Wxsub.Status.Ok"/>.</summary>
        public bool IsOk => Status == Status.Ok;

        /// <summary>For those who want exceptions: throws unless the verdict is Ok.</summary>
        /// <returns>This result.</returns>
        /// <exception cref="WxsubException">The verdict is another one; it carries this result.</exception>
        public Result Ensure() => IsOk ? this : throw new WxsubException(this);

        /// <summary>The status' name and number, and the message; for logs.</summary>
        /// <returns>Such as "WXSUB_E_NO_QUOTA (20): ...".</returns>
        public override string ToString()
        {
            string text = Library.StatusName(Status) + " (" + (int)Status + ")";
            return Message.Length == 0 ? text : text + ": " + Message;
        }
    }
}
