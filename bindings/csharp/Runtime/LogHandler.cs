namespace Wxsub
{
    /// <summary>
    /// Takes a log line, without line breaks and without secrets. Called from any thread, also at once from several.
    /// What it throws is dropped: no exception may cross into native code.
    /// </summary>
    /// <param name="level">How serious it is.</param>
    /// <param name="message">The line.</param>
    public delegate void LogHandler(LogLevel level, string message);
}
