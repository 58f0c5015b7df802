using System;

namespace Wxsub
{
    // What WeChat pushes to the server's own HTTP endpoint.
    public sealed partial class Client
    {
        /// <summary>Enough for the reply to an event.</summary>
        private const int LeastReply = 64;

        /// <summary>
        /// Verifies and applies what WeChat pushed to the server's own HTTP endpoint: popup answers, refusals in the
        /// settings and results of sends go into the count, each once, however often WeChat pushes it. What is about
        /// other things is the server's to answer: <see cref="ResultFlags.NotOurs"/>, and <see cref="OpenEvent"/> has its
        /// text. Without <see cref="Config.EventAesKey"/> nothing signs the bodies: only accepts are taken. Needs
        /// <see cref="Config.EventToken"/>. May wait up to 4 s for a send to the same player that runs.
        /// </summary>
        /// <param name="query">The request's raw query string, with or without its question mark.</param>
        /// <param name="body">The raw body; null or empty for the check of the address (a GET).</param>
        /// <param name="reply">
        /// What to send back as the response's body; empty unless the result is Ok, and with NotOurs.
        /// </param>
        /// <returns>
        /// Ok: answer HTTP 200 with the reply; with one part in the event, the result tells what it did. Signature: not
        /// WeChat's, nothing was changed, answer 403. Store, Busy: answer 500, so that WeChat pushes again. Or Config,
        /// Arg, State, Forked.
        /// </returns>
        public Result HandleEvent(string query, byte[] body, out string reply)
        {
            byte[] question = Utf8.Bytes(query);
            // A reply is "success", or a part of the query.
            var answer = new byte[Math.Max(question?.Length ?? 0, LeastReply)];
            var result = new ResultBuffer();
            Native.wxsub_handle_event(
                _handle, question, body, (UIntPtr)(body?.Length ?? 0),
                answer, (UIntPtr)answer.Length, out UIntPtr length, result.Bytes);
            reply = Utf8.Text(answer, length);
            return result[0];
        }

        /// <summary>
        /// Verifies and decrypts what WeChat pushed, of any kind, and applies nothing: for messages that are
        /// <see cref="ResultFlags.NotOurs"/>. May be called before or after <see cref="HandleEvent"/>.
        /// </summary>
        /// <param name="query">The request's raw query string, with or without its question mark.</param>
        /// <param name="body">The raw body.</param>
        /// <param name="plain">
        /// The message as WeChat wrote it, XML or JSON in UTF-8; empty unless the result is Ok. In plain mode it may be
        /// anybody's: nothing signs it, so deliver goods by encrypted pushes only.
        /// </param>
        /// <returns>
        /// Ok; Signature: not WeChat's, answer 403. Store: answer 500, so that WeChat pushes again. Or Config, Arg, State,
        /// Forked.
        /// </returns>
        public Result OpenEvent(string query, byte[] body, out byte[] plain)
        {
            // A message is never longer than the body that carries it.
            var message = new byte[(body?.Length ?? 0) + 1];
            var why = new ResultBuffer();
            Native.wxsub_open_event(
                _handle, Utf8.Bytes(query), body, (UIntPtr)(body?.Length ?? 0),
                message, (UIntPtr)message.Length, out UIntPtr length, why.Bytes);
            Result result = why[0];
            Array.Resize(ref message, result.IsOk ? (int)length : 0);
            plain = message;
            return result;
        }
    }
}
