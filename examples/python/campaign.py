"""Tells everyone who allows it that a season has begun: forecast first, then the campaign, watched to its end.

    PYTHONPATH=bindings/python python3 examples/python/campaign.py --api-base http://127.0.0.1:8080 \
        --appid wx0000000000000000 --template-id sim-stamina --id season-7

The secret comes from an environment variable (WXSUB_SECRET, or the one that --secret-env names), never from the command
line, where other users of the machine could read it. Without --api-base it talks to the real WeChat; else start the
simulator with --grants 1: --openid lets players accept first, so that there is somebody to tell.

WeChat forbids rewards for subscribing, and messages that are not what their template is for. --leave keeps each player's
last accepts for messages that matter more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Dict

import wxsub

#: What the simulator's sample template "sim-stamina" wants. Your own template has its own keywords: --data.
SAMPLE = '{"thing1": "新赛季开始，快来看看", "time2": "15:01"}'


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api-base", help="address of a simulator; default: the real WeChat")
    parser.add_argument("--appid", required=True)
    parser.add_argument("--secret-env", default="WXSUB_SECRET", help="environment variable that holds the secret")
    parser.add_argument("--store", default="campaign.db", help="file of the counts and of the campaigns")
    parser.add_argument("--template-id", required=True)
    parser.add_argument("--id", default="season-7", help="names the campaign: a player gets one message of it")
    parser.add_argument("--openid", action="append", default=[], help="a player who accepts first")
    parser.add_argument(
        "--data", type=json.loads, default=SAMPLE, help="JSON object: the template's keywords and values"
    )
    parser.add_argument("--leave", type=int, default=0, help="the count that is left to each player at least")
    parser.add_argument("--per-second", type=float, default=100.0)
    return parser.parse_args()


def settings(args: argparse.Namespace) -> Dict[str, Any]:
    """The library's configuration."""
    secret = os.environ.get(args.secret_env)
    if not secret:
        sys.exit(f"the environment variable {args.secret_env} must hold the secret of {args.appid}")
    config = {"appid": args.appid, "secret": secret, "store": args.store}
    if args.api_base:
        config["api_base"] = args.api_base
    return config


def forecast(client: wxsub.Client, campaign: Dict[str, Any]) -> Dict[str, Any]:
    """What it would do now. It comes in pages, each with the numbers so far."""
    reply = client.admin({**campaign, "do": "campaign.forecast"})
    while reply["next"] is not None:
        reply = client.admin({**campaign, "do": "campaign.forecast", "after": reply["next"]})
    return reply


def watch(client: wxsub.Client, campaign_id: str) -> Dict[str, Any]:
    """Until it has ended, or somebody must look at it."""
    while True:
        status = client.admin({"do": "campaign.status", "id": campaign_id})
        print(f"{status['state']}: {status['seen']} players, {status['sent']} sent, skipped {status['skipped']}")
        if status["state"] not in ("waiting", "running"):
            return status
        time.sleep(0.5)


def main() -> int:
    """Forecast, put, watch."""
    args = arguments()
    data = json.loads(args.data) if isinstance(args.data, str) else args.data
    campaign = {
        "id": args.id,
        "message": {"template_id": args.template_id, "data": data},
        "audience": "allowed",
        "leave": args.leave,
        "per_second": args.per_second,
    }
    with wxsub.Client(**settings(args)) as client:
        for openid in args.openid:
            client.report(openid, args.template_id, wxsub.Answer.ACCEPT)
        said = forecast(client, campaign)
        print(f"forecast: {said['players']} players in {said['seconds']} s, skipped {said['skipped']}")
        # The same request again changes nothing, so a script may be run twice.
        client.admin({**campaign, "do": "campaign.put"})
        try:
            status = watch(client, args.id)
        except KeyboardInterrupt:
            client.admin({"do": "campaign.pause", "id": args.id})
            print("paused; campaign.resume goes on")
            return 130
    if status["state"] != "done":
        print(f"{status['state']}: {status['why']}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
