"""A command line for operators: will it work, what does a player allow, send one message, what became of it.

The exit code is the verdict's number (``wxsub_status``): 0 done, 20 the player allows none, 41 maybe sent, and so on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence

from . import _native, _settings
from .client import Client, Json, version
from .errors import InvalidArgument, WxsubError
from .result import LogLevel, Result, Status

#: What still runs when the work is done is given so many seconds to end.
_DRAIN = 10.0

#: A token from outside is told to be good for so long; nobody told us more, and a command lasts less.
_TOKEN_SECONDS = 600

_EPILOG = """\
configuration: the JSON object of the library, in a file (--config, WXSUB_CONFIG) that only its owner can read; each of
WXSUB_APPID, WXSUB_SECRET, WXSUB_STORE, WXSUB_API_BASE, WXSUB_PROXY and WXSUB_CA_FILE wins over the file. With
"token": "external" the access token is in WXSUB_ACCESS_TOKEN. Secrets are never taken from the command line.

exit code: the verdict's number. 0 done, 1 wrong call, 2 configuration or usage, 3 wrong message, 20 the player allows
none, 21 WeChat says so, 23 busy, 24 credentials, 25 banned, 26 another error of WeChat's, 40 not connected, 41 maybe
sent, 44 no such key, 45 too late, 60 store; see the README for all. 130: interrupted.
"""


class _Usage(Exception):
    """The command line is wrong."""


class _Parser(argparse.ArgumentParser):
    """One that raises, so that there is one place for errors."""

    def error(self, message: str) -> NoReturn:
        raise _Usage(message)


def main(arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Runs one command, and exits with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a console that lacks a character must not hide a verdict
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("wxsub: interrupted; a message that was being sent may still be sent", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        code = _silenced(141)
    except OSError as why:
        print(f"wxsub: the answer could not be written: {why.strerror}", file=sys.stderr)
        code = _silenced(int(Status.INTERNAL))
    sys.exit(code)


def _silenced(code: int) -> int:
    """What is still to be written goes nowhere, or the interpreter would complain of it once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _run(given: List[str]) -> int:
    as_json = "--json" in given
    try:
        return _command(_parse(given))
    except _Usage as why:
        return _failed(Result(Status.CONFIG, f"{why} (wxsub --help)"), as_json)
    except WxsubError as error:
        return _failed(error.result, as_json)
    except (TypeError, ValueError) as why:
        return _failed(Result(Status.ARG, str(why)), as_json)


def _command(args: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = args.run
    return run(args)


# The command line.


def _parse(given: List[str]) -> argparse.Namespace:
    """:raises _Usage: in words that hold no value of an option that we don't know: it might be a secret."""
    for argument in given:
        if argument.lower().lstrip("-").replace("_", "-").split("=")[0] in ("secret", "access-token", "token"):
            if argument.startswith("-"):
                raise _Usage("secrets are not taken from the command line: put the secret into WXSUB_SECRET or a file")
    args, rest = _parser().parse_known_args(given)
    if rest:
        unknown = [argument.split("=")[0] for argument in rest if argument.startswith("-")]
        raise _Usage(f"unknown: {' '.join(unknown)}" if unknown else f"{len(rest)} arguments too many")
    return args


def _parser() -> argparse.ArgumentParser:
    hidden = argparse.SUPPRESS
    common = _Parser(add_help=False, argument_default=hidden)
    common.add_argument("--json", action="store_true", help="one JSON object on stdout, also for failures")
    common.add_argument("-v", "--verbose", action="count", help="the library's log on stderr; -vv: all of it")
    _settings.add_options(common)

    parser = _Parser(
        prog="wxsub",
        description="WeChat mini-game subscribe messages: commands for operators.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[common],
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=_Parser)
    commands.required = True

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    command("version", _version, "Package, library and ABI, and where the library was found.")
    command("check", _check, "Will it work? Store, network, clock, appid, secret, IP list, templates. Sends nothing.")
    quota = command("quota", _quota, "How many messages a player still allows from a template.")
    _players(quota)
    quota.add_argument("template_id")
    send = command("send", _send, "Sends one message and waits for the verdict.")
    send.add_argument("message", nargs="?", metavar="MESSAGE", help="WeChat's request body: a JSON file; -: stdin")
    send.add_argument("--openid", help="instead of MESSAGE")
    send.add_argument("--template-id")
    send.add_argument("--data", metavar="KEYWORD=VALUE", action="append", default=[], help="may be repeated")
    send.add_argument("--page")
    send.add_argument("--key", help="idempotency: the same key for this player again sends nothing")
    send.add_argument("--timeout", type=float, metavar="SECONDS")
    lookup = command("lookup", _lookup, "What became of a message with a key; exit code 0 when there is one.")
    _players(lookup)
    lookup.add_argument("key")
    cancel = command("cancel", _cancel, "Takes a message back that waits in the store.")
    _players(cancel)
    cancel.add_argument("key")
    return parser


def _players(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("openid", help="the player")


# The commands.


def _version(args: argparse.Namespace) -> int:
    from . import __version__

    facts = {
        "package": __version__,
        "library": version(),
        "abi": int(_native.lib.wxsub_abi()),
        "path": str(_native.lib._name),
    }
    if _json_wanted(args):
        _print_json(facts)
    else:
        print(f"wxsub {facts['package']}, library {facts['library']}, ABI {facts['abi']}\n{facts['path']}")
    return 0


def _check(args: argparse.Namespace) -> int:
    with _Opened(args) as client:
        result = client.check()
    if _json_wanted(args) or not result.ok:
        return _told(result, args)
    print(result.message.replace("; ", "\n"))
    return 0


def _quota(args: argparse.Namespace) -> int:
    with _Opened(args) as client:
        remaining = client.quota(args.openid, args.template_id)
    if _json_wanted(args):
        _print_json({"openid": args.openid, "template_id": args.template_id, "remaining": remaining})
    else:
        print(remaining)
    return 0


def _send(args: argparse.Namespace) -> int:
    message = _message(args)
    with _Opened(args) as client:
        result = client.try_send(message, key=args.key, timeout=args.timeout)
    if _json_wanted(args) or not result.ok:
        return _told(result, args)
    left = "" if result.remaining is None else f"; the player allows {result.remaining} more"
    print(f"{'sent before, by this key' if result.replayed else 'sent'}: msgid {result.msgid}{left}")
    return 0


def _lookup(args: argparse.Namespace) -> int:
    with _Opened(args) as client:
        result = client.lookup(args.openid, args.key)
    if result is None:
        return _told(Result(Status.NOT_FOUND, f"no message of {args.openid} has the key {args.key}"), args)
    if _json_wanted(args):
        _print_json(_object(result))
    elif result.stored:
        print(f"waits: for {time.strftime('%Y-%m-%d %H:%M:%S %z', time.localtime(time.time() + result.retry_after))}")
    elif result.ok:
        print(f"sent: msgid {result.msgid}")
    else:
        print(f"{result.status.c_name}: {result.message}")
    return 0


def _cancel(args: argparse.Namespace) -> int:
    with _Opened(args) as client:
        result = client.cancel(args.openid, args.key)
    if _json_wanted(args):
        return _told(result, args)
    print("taken back")
    return 0


class _Opened:
    """A client for one command. What it does beside that command is let end, and told.

    A message that a stopped server left in the store goes out with whoever opens the store next, so also with us.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._client = Client(_settings.read(args))
        verbose = getattr(args, "verbose", 0)
        if verbose:
            self._client.set_log(_log, LogLevel.INFO if verbose == 1 else LogLevel.DEBUG)
        token = os.environ.get(_settings.ACCESS_TOKEN)
        if token:
            self._client.set_token(token, _TOKEN_SECONDS)

    def __enter__(self) -> Client:
        return self._client

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None or issubclass(kind, Exception):
            self._client.shutdown(_DRAIN)
            for outcome in self._client.poll():
                key = outcome.key or "(none)"
                what = "sent" if outcome.ok else f"{outcome.status.c_name}: {outcome.message}"
                print(f"wxsub: a message that waited in the store, key {key}: {what}", file=sys.stderr)
        self._client.__exit__(kind, error, traceback)


def _message(args: argparse.Namespace) -> Json:
    """The message, from a file or from options."""
    parts = [args.openid, args.template_id, args.page, *args.data]
    if args.message is not None:
        if any(part is not None for part in parts):
            raise _Usage("send: MESSAGE and --openid, --template-id, --data, --page at once")
        return _text(args.message)
    if not args.openid or not args.template_id:
        raise _Usage("send: a MESSAGE, or --openid and --template-id (and --data)")
    data: Dict[str, str] = {}
    for pair in args.data:
        keyword, equals, value = pair.partition("=")
        if not equals:
            raise _Usage(f"send: --data {pair}: not KEYWORD=VALUE")
        data[keyword] = value
    message: Dict[str, Any] = {"touser": args.openid, "template_id": args.template_id, "data": data}
    if args.page is not None:
        message["page"] = args.page
    return message


def _text(source: str) -> str:
    try:
        if source == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        with open(source, encoding="utf-8-sig") as file:
            return file.read()
    except OSError as why:
        raise InvalidArgument(Result(Status.ARG, f"{source}: {why.strerror}")) from None
    except UnicodeDecodeError:
        raise InvalidArgument(Result(Status.ARG, f"{source}: not UTF-8")) from None


# What is told.


def _log(level: LogLevel, text: str) -> None:
    print(f"[{level.name}] {text}", file=sys.stderr)


def _json_wanted(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "json", False))


def _told(result: Result, args: argparse.Namespace) -> int:
    if not result.ok:
        return _failed(result, _json_wanted(args))
    _print_json(_object(result))
    return 0


def _failed(result: Result, as_json: bool) -> int:
    if as_json:
        _print_json(_object(result))
    else:
        again = f" (again in {result.retry_after:g} s)" if result.retry_after_ms else ""
        print(f"wxsub: {result.status.c_name}: {result.message}{again}", file=sys.stderr)
    # What a newer library added, should it ever be more than an exit code can hold, is an internal error.
    return int(result.status) if 0 < result.status < 126 else int(Status.INTERNAL)


def _object(result: Result) -> Dict[str, Any]:
    return {
        "status": result.status.c_name,
        "code": int(result.status),
        "message": result.message,
        "errcode": result.errcode,
        "http_status": result.http_status,
        "retry": result.retry.name.lower(),
        "retry_after_ms": result.retry_after_ms,
        "quota": result.quota.name.lower(),
        "remaining": result.remaining,
        "msgid": result.msgid,
        "attempts": result.attempts,
        "elapsed_ms": result.elapsed_ms,
        "replayed": result.replayed,
        "stored": result.stored,
        "template_id": result.template_id,
        "key": result.key,
    }


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))
