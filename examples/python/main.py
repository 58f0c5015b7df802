"""One player accepts one message, gets it, and cannot get a second: the whole path in one small program.

    PYTHONPATH=bindings/python python3 examples/python/main.py --api-base http://127.0.0.1:8080 \
        --appid wx0000000000000000 --openid alice --template-id sim-stamina

The secret comes from an environment variable (WXSUB_SECRET, or the one that --secret-env names), never from the command
line, where other users of the machine could read it. Without --api-base it talks to the real WeChat.

A WeChat that nobody accepted anything at refuses the message: start the simulator with --grants 1, and every new player
there has accepted once.

With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Dict

import wxsub

#: What the simulator's sample template "sim-stamina" wants. Your own template has its own keywords: --data.
SAMPLE = '{"thing1": "体力已满，快来领取", "time2": "15:01"}'


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api-base", help="address of a simulator; default: the real WeChat")
    parser.add_argument("--appid", required=True)
    parser.add_argument("--secret-env", default="WXSUB_SECRET", help="environment variable that holds the secret")
    parser.add_argument("--store", default=":memory:", help="file of the counts; default: none, forgotten at the end")
    parser.add_argument("--openid", help="the player")
    parser.add_argument("--template-id")
    parser.add_argument(
        "--data", type=json.loads, default=SAMPLE, help="JSON object: the template's keywords and values"
    )
    parser.add_argument("--check", action="store_true", help="tell whether it will work, and send nothing")
    parser.add_argument("--verbose", action="store_true", help="show the library's log")
    args = parser.parse_args()
    if not args.check and not (args.openid and args.template_id):
        parser.error("--openid and --template-id are required, except with --check")
    return args


def settings(args: argparse.Namespace) -> Dict[str, Any]:
    """The library's configuration."""
    secret = os.environ.get(args.secret_env)
    if not secret:
        sys.exit(f"the environment variable {args.secret_env} must hold the secret of {args.appid}")
    config = {"appid": args.appid, "secret": secret, "store": args.store}
    if args.api_base:
        config["api_base"] = args.api_base
    return config


def check(client: wxsub.Client) -> None:
    """Will it work? The words, and the exit code."""
    result = client.check()
    print(f"{result.status.c_name}: {result.message}")
    if not result.ok:
        sys.exit(1)


def run(client: wxsub.Client, openid: str, template_id: str, data: Dict[str, Any]) -> None:
    """Accept, count, send, count, turned down."""
    # The game client passes on, untouched, what wx.requestSubscribeMessage gave it. With a key, a repeated request of
    # the game client's counts once.
    answer = {"errMsg": "requestSubscribeMessage:ok", template_id: "accept"}
    for result in client.report_json(openid, answer, key=f"answer-{os.getpid()}"):
        print(f"accepted:    {result.template_id}, count {result.remaining}")

    message = {"touser": openid, "template_id": template_id, "data": data}
    try:
        sent = client.send(message)
    except wxsub.MaybeSent as error:
        sys.exit(f"maybe sent:  {error}")
    except wxsub.NotSent as error:
        sys.exit(f"not sent:    {error} (again in {error.retry_after} s)")
    print(f"sent:        msgid {sent.msgid}")
    print(f"count:       {client.quota(openid, template_id)}")

    try:
        client.send(message)
    except wxsub.NoQuota as error:
        print(f"turned down: {error}")


def main() -> None:
    """Opens the client, runs, and says what went wrong."""
    args = arguments()
    try:
        with wxsub.Client(settings(args)) as client:
            if args.verbose:
                client.set_log(
                    lambda level, text: print(f"[{level.name}] {text}", file=sys.stderr), wxsub.LogLevel.DEBUG
                )
            if args.check:
                check(client)
            else:
                run(client, args.openid, args.template_id, args.data)
    except wxsub.WxsubError as error:
        sys.exit(f"{error.status.c_name}: {error}")


if __name__ == "__main__":
    main()
