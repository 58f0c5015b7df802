using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Wxsub
{
    /// <summary>
    /// Tickets as tasks: what is submitted here becomes a task, which <see cref="Pump"/>, called in every frame or by a
    /// thread of the host's, completes. Any number of threads may submit and pump at once. All results of the client come
    /// through here then: nobody else polls it.
    /// </summary>
    /// <remarks>
    /// <para>
    /// A task is completed on the thread that pumps, and an await that was begun on that thread goes on there, within
    /// <see cref="Pump"/>: a game's code stays on its main thread and in its frame, with and without a
    /// SynchronizationContext. TaskCreationOptions.RunContinuationsAsynchronously would let it go on a frame later in
    /// Unity, and on a thread of the pool in a loop without a context. So what follows an await may submit, pump and
    /// dispose, but must neither take long nor block for another task of this object: nobody would pump meanwhile. A
    /// server without a loop, where a thread does nothing but pump, has it the other way: see the constructor.
    /// </para>
    /// <para>
    /// A task's result is its verdict; it is never faulted. It is cancelled when this object is disposed or the client is
    /// closed before the result came: whether the message was sent is then not known. No native code ever calls back, so
    /// nothing here has to be undone before the code is unloaded; disposing this before or after its client, twice, or
    /// not at all, does no harm.
    /// </para>
    /// </remarks>
    public sealed class Tickets : IDisposable
    {
        /// <summary>What one call hands out at most: the rest of a burst is left to the next frame.</summary>
        private const int MostAtOnce = 256;

        private readonly Client _client;
        private readonly TaskCreationOptions _creation;

        /// <summary>Guards the two collections.</summary>
        private readonly object _lock = new object();

        private readonly Dictionary<ulong, TaskCompletionSource<Result>> _open =
            new Dictionary<ulong, TaskCompletionSource<Result>>();

        private readonly Queue<Result> _others = new Queue<Result>();

        /// <summary>Taken by the thread that pumps, and put back.</summary>
        private Result[] _batch;

        private bool _disposed;
        private volatile bool _closed;

        /// <summary>Begins with no tasks.</summary>
        /// <param name="client">The client; it stays the caller's, and is not disposed with this object.</param>
        /// <param name="continueInPump">
        /// True, for a game loop: code that awaits goes on within <see cref="Pump"/>. False, for a server where a thread
        /// of its own pumps: it goes on where its context says, or in the thread pool, and keeps nobody's result waiting.
        /// </param>
        /// <exception cref="ArgumentNullException">There is no client.</exception>
        public Tickets(Client client, bool continueInPump = true)
        {
            _client = client ?? throw new ArgumentNullException(nameof(client));
            _creation = continueInPump ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;
        }

        /// <summary>
        /// Gets what no task waits for, on the thread that pumps: outcomes of durable messages
        /// (<see cref="ResultFlags.Outcome"/>), and results of what was submitted by the client itself. Without a handler
        /// they are dropped. What a handler throws leaves <see cref="Pump"/>; what it was not given yet comes with the
        /// next call.
        /// </summary>
        public event Action<Result> Other;

        /// <summary>How many tasks have no result yet.</summary>
        public int Waiting
        {
            get
            {
                lock (_lock)
                {
                    return _open.Count;
                }
            }
        }

        /// <summary>
        /// Whether nothing will come any more: this object was disposed, or <see cref="Pump"/> found the client closed.
        /// </summary>
        public bool IsClosed => _closed;

        /// <summary><see cref="Client.Submit(string, string)"/>, as a task.</summary>
        /// <param name="messageJson">WeChat's own request body.</param>
        /// <param name="optionsJson">As wxsub.h describes them at wxsub_submit, or null.</param>
        /// <returns>
        /// The verdict. It is there at once if the message was not taken in (QueueFull, Arg, State, Forked), or with
        /// "notify": false. For a durable message: Ok with <see cref="ResultFlags.Stored"/> when it is on disk; its
        /// outcome comes to <see cref="Other"/>.
        /// </returns>
        public Task<Result> SubmitAsync(string messageJson, string optionsJson = null)
        {
            // Held while it is submitted: another thread may pump its result before its ticket is known here.
            lock (_lock)
            {
                return _disposed ? Disposed() : Begun(_client.Submit(messageJson, optionsJson));
            }
        }

        /// <summary><see cref="Client.Submit(Message, SubmitOptions)"/>, as a task.</summary>
        /// <param name="message">The message; it may be used again afterwards.</param>
        /// <param name="options">Options, or null.</param>
        /// <returns>The verdict, as of <see cref="SubmitAsync(string, string)"/>.</returns>
        public Task<Result> SubmitAsync(Message message, SubmitOptions options = null)
        {
            return SubmitAsync(message?.ToJson(), options?.ToJson());
        }

        /// <summary><see cref="Client.SubmitReport"/>, as a task.</summary>
        /// <param name="openid">The player.</param>
        /// <param name="templateId">The template, as in <see cref="Client.Report"/>.</param>
        /// <param name="answer">The answer.</param>
        /// <param name="key">As in <see cref="Client.Report"/>.</param>
        /// <param name="tag">Your own number, echoed in <see cref="Result.Tag"/>.</param>
        /// <returns>The verdict: when it is Ok, an accept is on disk. At once if it was not taken in.</returns>
        public Task<Result> SubmitReportAsync(
            string openid, string templateId, Answer answer, string key = null, ulong tag = 0)
        {
            lock (_lock)
            {
                return _disposed ? Disposed() : Begun(_client.SubmitReport(openid, templateId, answer, key, tag));
            }
        }

        /// <summary>
        /// Completes the tasks whose results are there, at most 256, and hands the others out. Allocates nothing when
        /// there is none. When the client turns out to be closed, the open tasks are cancelled.
        /// </summary>
        /// <param name="waitMs">
        /// 0, for a frame: never waits. Else so many milliseconds for the first result; -1: until there is one or the
        /// client is closed.
        /// </param>
        /// <returns>
        /// How many results came. A thread of its own pumps until <see cref="IsClosed"/>; 0 alone does not say so.
        /// </returns>
        public int Pump(int waitMs = 0)
        {
            if (_closed)
            {
                // What is left of a pump whose Other threw.
                HandOut();
                return 0;
            }
            // Code that goes on within Pump may pump, too.
            Result[] batch = Interlocked.Exchange(ref _batch, null) ?? new Result[MostAtOnce];
            Status status = _client.Poll(batch, out int count, waitMs);
            for (int i = 0; i < count; i++)
            {
                Settle(batch[i]);
                batch[i] = null;
            }
            Volatile.Write(ref _batch, batch);
            if (status != Status.Ok)
            {
                _closed = true;
                CancelOpen();
            }
            HandOut();
            return count;
        }

        /// <summary>
        /// Cancels the tasks that have no result yet; what was submitted goes on, and its results are left to
        /// <see cref="Client.Poll"/>. To lose none: <see cref="Client.Shutdown"/>, then pump until it returns 0, then
        /// this.
        /// </summary>
        public void Dispose()
        {
            lock (_lock)
            {
                _disposed = true;
                _others.Clear();
            }
            _closed = true;
            CancelOpen();
        }

        private static Task<Result> Disposed() => Task.FromResult(new Result((int)Status.State));

        private Task<Result> Begun(Result submitted)
        {
            if (submitted.Ticket == 0)
            {
                return Task.FromResult(submitted);
            }
            var task = new TaskCompletionSource<Result>(_creation);
            _open.Add(submitted.Ticket, task);
            return task.Task;
        }

        private void Settle(Result result)
        {
            TaskCompletionSource<Result> task;
            lock (_lock)
            {
                if (_open.TryGetValue(result.Ticket, out task))
                {
                    _open.Remove(result.Ticket);
                }
                else if (!_disposed)
                {
                    _others.Enqueue(result);
                }
            }
            task?.TrySetResult(result);
        }

        private void HandOut()
        {
            for (;;)
            {
                Result next;
                lock (_lock)
                {
                    if (_others.Count == 0)
                    {
                        return;
                    }
                    next = _others.Dequeue();
                }
                Other?.Invoke(next);
            }
        }

        private void CancelOpen()
        {
            TaskCompletionSource<Result>[] left;
            lock (_lock)
            {
                left = new TaskCompletionSource<Result>[_open.Count];
                _open.Values.CopyTo(left, 0);
                _open.Clear();
            }
            foreach (TaskCompletionSource<Result> task in left)
            {
                task.TrySetCanceled();
            }
        }
    }
}
