"""Tells each player when the energy is full, even if the server restarts in between; one message is taken back, another
comes earlier.

    PYTHONPATH=bindings/python python3 examples/python/schedule.py --api-base http://127.0.0.1:8080 \
        --appid wx0000000000000000 --template-id sim-stamina --openid alice --openid bob --openid carol

The secret comes from an environment variable (WXSUB_SECRET, or the one that --secret-env names), never from the command
line, where other users of the machine could read it. Without --api-base it talks to the real WeChat; else start the
simulator with --grants 1, and every new player there has accepted once.

With --check it asks only whether it will work (store, network, clock, appid, secret, IP, templates), and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List

import wxsub

#: What the simulator's sample template "sim-stamina" wants. Your own template has its own keywords: --data.
SAMPLE = '{"thing1": "体力已满，快来领取", "time2": "15:01"}'


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api-base", help="address of a simulator; default: the real WeChat")
    parser.add_argument("--appid", required=True)
    parser.add_argument("--secret-env", default="WXSUB_SECRET", help="environment variable that holds the secret")
    parser.add_argument("--store", default="schedule.db", help="file of the counts and of the messages that wait")
    parser.add_argument("--openid", action="append", default=[], help="a player; three or more")
    parser.add_argument("--template-id")
    parser.add_argument(
        "--data", type=json.loads, default=SAMPLE, help="JSON object: the template's keywords and values"
    )
    parser.add_argument("--minutes", type=float, default=0.05, help="until the energy is full")
    parser.add_argument("--check", action="store_true", help="tell whether it will work, and send nothing")
    args = parser.parse_args()
    if not args.check and not (len(set(args.openid)) >= 3 and args.template_id):
        parser.error("--template-id and three players (--openid) are required, except with --check")
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


class Schedule:
    """What waits for each player, and how it ended."""

    def __init__(self, client: wxsub.Client, players: List[str], template_id: str, data: Dict[str, Any]) -> None:
        self.client = client
        self.players = players
        self.template_id = template_id
        self.data = data
        # It names what the messages are about: asked for twice, each is sent once.
        self.key = f"energy-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}"
        self.ended: List[wxsub.Result] = []

    def accept(self) -> None:
        """Each player allows one message: the game client passed on what wx.requestSubscribeMessage gave it."""
        for openid in self.players:
            self.client.report_json(openid, {self.template_id: "accept"}, key=self.key)

    def put(self, openid: str, due: datetime, **options: Any) -> None:
        """Has the player told, then. Returns when the message is on disk."""
        message = {"touser": openid, "template_id": self.template_id, "data": self.data}
        # The tag says whose outcome it is: an outcome may come long after, and to another process.
        tag = self.players.index(openid)
        stale = due + timedelta(hours=12)
        ticket = self.client.submit(message, key=self.key, tag=tag, deliver_at=due, expires_at=stale, **options)
        for result in self.client.results():
            if result.outcome:
                self.ended.append(result)
            elif result.ticket == ticket:
                break
        if not result.ok:
            sys.exit(f"not stored:  {openid}: {result.status.c_name}: {result.message}")
        print(f"scheduled:   {openid}, {due.astimezone():%H:%M:%S}")

    def cancel(self, openid: str) -> None:
        """The player is online already, and sees it."""
        try:
            self.client.cancel(openid, self.key)
            print(f"cancelled:   {openid}")
        except wxsub.TooLate as error:
            print(f"too late:    {openid}: {error}")

    def outcomes(self, wanted: int) -> bool:
        """Waits for them; whether all were sent."""
        while len(self.ended) < wanted:
            self.ended += self.client.poll(wait=60)
        for result in self.ended:
            said = f"msgid {result.msgid}" if result.ok else f"{result.status.c_name}: {result.message}"
            print(f"outcome:     {self.players[result.tag]}, {said}")
        return all(result.ok for result in self.ended)

    def look_up(self, openid: str) -> None:
        """What any process with this store can ask."""
        result = self.client.lookup(openid, self.key)
        print(f"looked up:   {openid}, {result.status.name if result else 'nothing'}")


def run(client: wxsub.Client, args: argparse.Namespace) -> None:
    """Schedule, replace, cancel, and see what came of it."""
    schedule = Schedule(client, args.openid, args.template_id, args.data)
    schedule.accept()
    full = datetime.now(timezone.utc) + timedelta(minutes=args.minutes)
    for openid in args.openid:
        schedule.put(openid, full)
    first, second = args.openid[:2]
    schedule.put(first, full - timedelta(minutes=args.minutes / 2), on_conflict="replace")  # drank a potion
    schedule.cancel(second)
    all_sent = schedule.outcomes(len(args.openid) - 1)
    schedule.look_up(first)
    schedule.look_up(second)
    print(client.metrics(), end="")  # as Prometheus reads them
    if not all_sent:
        sys.exit(1)


def main() -> None:
    """Opens the client, runs, and says what went wrong."""
    args = arguments()
    try:
        with wxsub.Client(settings(args)) as client:
            if args.check:
                check(client)
            else:
                run(client, args)
    except wxsub.WxsubError as error:
        sys.exit(f"{error.status.c_name}: {error}")


if __name__ == "__main__":
    main()
