using System;
using System.Threading;

namespace Wxsub
{
    // Messages: sent, submitted, polled, taken back, looked up.
    public sealed partial class Client
    {
        /// <summary>Taken by the thread that polls, and put back; so that no frame makes garbage.</summary>
        private ResultMemory _polled;

        /// <summary>
        /// Sends one message and waits for the verdict, at most the configured time (5 s): not from a game loop's
        /// thread. wxsub.h says at wxsub_send what to do on each verdict.
        /// </summary>
        /// <param name="messageJson">WeChat's own request body.</param>
        /// <param name="optionsJson">{"key", "tag", "timeout_ms"}, or null.</param>
        /// <returns>The verdict.</returns>
        public Result Send(string messageJson, string optionsJson = null)
        {
            var result = new ResultBuffer();
            Native.wxsub_send(_handle, Utf8.Bytes(messageJson), Utf8.Bytes(optionsJson), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Sends one message and waits for the verdict, at most the configured time (5 s): not from a game loop's
        /// thread. wxsub.h says at wxsub_send what to do on each verdict.
        /// </summary>
        /// <param name="message">The message.</param>
        /// <param name="options">Options, or null.</param>
        /// <returns>The verdict.</returns>
        public Result Send(Message message, SendOptions options = null)
        {
            return Send(message?.ToJson(), options?.ToJson());
        }

        /// <summary>
        /// Copies a message and returns at once; threads of the library send it. For a game loop: it waits for neither
        /// network nor disk. Every ticket gets exactly one result from <see cref="Poll"/>, whatever happens, but for
        /// <see cref="Dispose"/>. Messages and reports for one player are worked on in the order in which they were
        /// submitted.
        /// </summary>
        /// <param name="messageJson">WeChat's own request body.</param>
        /// <param name="optionsJson">As wxsub.h describes them at wxsub_submit, or null.</param>
        /// <returns>
        /// Ok with <see cref="Result.Ticket"/> (0 if no result is wanted); QueueFull: poll, and try again in the next
        /// frame; or Arg (no JSON, no player, an unknown option), State, Forked. All other faults come as the ticket's
        /// result.
        /// </returns>
        public Result Submit(string messageJson, string optionsJson = null)
        {
            var why = new ResultBuffer();
            Native.wxsub_submit(_handle, Utf8.Bytes(messageJson), Utf8.Bytes(optionsJson), out _, why.Bytes);
            return why[0];
        }

        /// <summary>As <see cref="Submit(string, string)"/>.</summary>
        /// <param name="message">The message; it may be used again afterwards.</param>
        /// <param name="options">Options, or null.</param>
        /// <returns>Ok with <see cref="Result.Ticket"/>; or QueueFull, Arg, State, Forked.</returns>
        public Result Submit(Message message, SubmitOptions options = null)
        {
            return Submit(message?.ToJson(), options?.ToJson());
        }

        /// <summary>
        /// As <see cref="Report"/>, without waiting for the disk: that is too long for a frame. The accept is on disk
        /// when its ticket's result is Ok, not before.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">The template, as in <see cref="Report"/>.</param>
        /// <param name="answer">The answer.</param>
        /// <param name="key">As in <see cref="Report"/>.</param>
        /// <param name="tag">Your own number, echoed in <see cref="Result.Tag"/>.</param>
        /// <returns>Ok with <see cref="Result.Ticket"/>; or QueueFull, Arg, State, Forked.</returns>
        public Result SubmitReport(string openid, string templateId, Answer answer, string key = null, ulong tag = 0)
        {
            var why = new ResultBuffer();
            Native.wxsub_submit_report(
                _handle, Utf8.Bytes(openid), Utf8.Bytes(templateId), (int)answer, Utf8.Bytes(key), tag, out _, why.Bytes);
            return why[0];
        }

        /// <summary>
        /// Takes finished results: those of tickets, and outcomes of durable messages. When there is none it allocates
        /// nothing (but for the first call), so that it can be called in every frame with the same array. Several
        /// threads may poll; each result goes to one of them. Still works after <see cref="Shutdown"/>.
        /// </summary>
        /// <param name="results">Filled from the beginning; what is behind <paramref name="count"/> is left as it is.</param>
        /// <param name="count">How many were put there. As many as fit: there may be more.</param>
        /// <param name="waitMs">
        /// 0: never waits. Else so many milliseconds for the first result; -1: until there is one or the client is closed.
        /// </param>
        /// <returns>Ok, also for none; or Arg (no array, or an empty one), State, Forked.</returns>
        public Status Poll(Result[] results, out int count, int waitMs = 0)
        {
            count = 0;
            if (results == null || results.Length == 0)
            {
                return Status.Arg;
            }
            // Another thread that waits in here has taken it along.
            ResultMemory memory = Interlocked.Exchange(ref _polled, null) ?? new ResultMemory();
            var status = Status.Ok;
            int taken = ResultMemory.Capacity;
            while (taken == ResultMemory.Capacity && count < results.Length)
            {
                int most = Math.Min(ResultMemory.Capacity, results.Length - count);
                uint wait = count == 0 ? unchecked((uint)waitMs) : 0;
                status = (Status)Native.wxsub_poll(_handle, memory, (UIntPtr)most, wait, out UIntPtr written);
                taken = status == Status.Ok ? (int)written : 0;
                for (int i = 0; i < taken; i++)
                {
                    results[count++] = memory[i];
                }
            }
            Interlocked.Exchange(ref _polled, memory)?.Dispose();
            return count > 0 ? Status.Ok : status;
        }

        /// <summary>
        /// Takes a message back that was submitted with a key and waits, in the queue or in the store, also another
        /// process's. When this says Ok it is on disk that it will not be sent. Waits for the disk only. A ticket that
        /// has no result yet gets <see cref="Status.Cancelled"/>; for a stored message no outcome comes.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="key">The message's key.</param>
        /// <returns>
        /// Ok; TooLate: it is being sent, or was sent or maybe sent; NotFound: nothing waits with this key; or Arg,
        /// State, Forked, Store.
        /// </returns>
        public Result Cancel(string openid, string key)
        {
            var result = new ResultBuffer();
            Native.wxsub_cancel(_handle, Utf8.Bytes(openid), Utf8.Bytes(key), result.Bytes);
            return result[0];
        }

        /// <summary>
        /// Tells what became of a message with a key, whichever process sent it and by whichever method, until 24 hours
        /// after its end. Waits for the disk only.
        /// </summary>
        /// <param name="openid">The player.</param>
        /// <param name="key">The message's key.</param>
        /// <returns>
        /// The verdict with which it ended, with <see cref="ResultFlags.Replayed"/>; Ok with
        /// <see cref="ResultFlags.Stored"/> while it waits in the store (<see cref="Result.RetryAfterMs"/>: until it is
        /// due); Busy while it is in this process's queue or being sent; NotFound; or Arg, State, Forked, Store.
        /// </returns>
        public Result Lookup(string openid, string key)
        {
            var result = new ResultBuffer();
            Native.wxsub_lookup(_handle, Utf8.Bytes(openid), Utf8.Bytes(key), result.Bytes);
            return result[0];
        }
    }
}
