"""The game's push address: one HTTP endpoint for everything that WeChat pushes, each with the answer that it wants.

    WXSUB_SECRET=... WXSUB_EVENT_TOKEN=... WXSUB_EVENT_AES_KEY=... PYTHONPATH=bindings/python \
        python3 examples/python/push.py --appid wx... --store wxsub.db --port 8000

A mini game has one such address for all kinds: set it up in the console (message push), in secure mode, behind a web
server that speaks HTTPS. Subscribe events go into the count; what is about other things is this server's to answer, once it is known to be WeChat's:

- gifts (minigame_deliver_goods) and paid goods want {"ErrCode": 0} once they are delivered, and come again until then;
- a player who deletes his account, or takes his consent back, is to be forgotten;
- all else wants "success".

In plain mode (no WXSUB_EVENT_AES_KEY) nobody signs a push's body: it delivers nothing here and deletes nobody.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Tuple

import wxsub

GIFT = "minigame_deliver_goods"
PAID = ("minigame_h5_goods_deliver_notify", "minigame_game_pay_goods_deliver_notify")
GONE = ("user_authorization_cancellation", "user_authorization_revoke")

Answer = Tuple[int, str]


def read(message: bytes) -> Dict[str, Any]:
    """A message's fields: JSON or XML, as the console is set. The library has read it: it is not nested deeply.

    A chat's text that was cut inside an emoji is none for these parsers, and must be answered all the same: no fields.
    """
    text = message.decode("utf-8-sig", "replace").strip()
    try:
        return dict(json.loads(text)) if text.startswith("{") else fields(ElementTree.fromstring(text))
    except (ValueError, ElementTree.ParseError):
        return {}


def fields(element: ElementTree.Element) -> Dict[str, Any]:
    """What is in an element, by name; of several with one name the last."""
    return {child.tag: fields(child) if len(child) else child.text or "" for child in element}


class Game:
    """Stands for the game's own database. What counts: each order is delivered once, however often it is pushed."""

    def __init__(self) -> None:
        self.delivered: Dict[str, str] = {}
        self.forgotten: Dict[str, bool] = {}

    def deliver(self, order: str, openid: str) -> None:
        """Puts goods into a player's bag, in one transaction with the order's number."""
        if self.delivered.setdefault(order, openid) != openid:
            raise ValueError(f"order {order} was another player's")

    def forget(self, openid: str) -> None:
        """Deletes what the game knows of a player."""
        self.forgotten[openid] = True


class Router:
    """Answers pushes: an HTTP status and a body."""

    def __init__(self, client: wxsub.Client, game: Game, encrypted: bool) -> None:
        self._client = client
        self._game = game
        # Whether the pushes' bodies are signed: the library has the AES key, and takes no others then.
        self._encrypted = encrypted

    def answer(self, query: str, body: bytes) -> Answer:
        """The query string and the body of one request, both raw."""
        try:
            done = self._client.handle_event(query, body)
            if not done.result.not_ours:
                return 200, done.reply
            message = read(self._client.open_event(query, body))
        except (wxsub.SignatureError, wxsub.InvalidArgument):
            return 403, ""  # not WeChat's
        except wxsub.NotSent:
            return 500, ""  # our store fails: WeChat pushes again
        return 200, self._of_another_kind(message)

    def _of_another_kind(self, message: Dict[str, Any]) -> str:
        kind = message.get("Event")
        if kind == GIFT or kind in PAID:
            return json.dumps(self._goods(message, kind == GIFT))
        if kind in GONE and self._encrypted and message.get("OpenID"):
            self._game.forget(message["OpenID"])
        return "success"

    def _goods(self, message: Dict[str, Any], gift: bool) -> Dict[str, Any]:
        """Any other answer than ErrCode 0, or none, is a failed delivery: pushed again, and at last switched off."""
        if not self._encrypted:
            return {"ErrCode": 1, "ErrMsg": "set WXSUB_EVENT_AES_KEY: this push may be anybody's"}
        try:
            if gift:
                order, openid = message["MiniGame"]["OrderId"], message["MiniGame"]["ToUserOpenid"]
            else:
                # A server that sells for money checks PayEventSig over this text, too: the guide to payment says how.
                paid = json.loads(message["MiniGame"]["Payload"])
                order, openid = paid["OutTradeNo"], paid["OpenId"]
            self._game.deliver(order, openid)
        except (KeyError, TypeError, ValueError) as error:
            return {"ErrCode": 1, "ErrMsg": str(error)}
        return {"ErrCode": 0}


def serve(router: Router, port: int) -> None:
    """Answers until it is stopped."""

    class Endpoint(BaseHTTPRequestHandler):
        """GET: WeChat checks the address, without a body."""

        def do_GET(self) -> None:
            """One request."""
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, reply = router.answer(self.path.partition("?")[2], body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(reply.encode())

        do_POST = do_GET

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            """Without the query string: in plain mode who sees one can use it."""
            self.log_message("%s %s", self.command, code)

    with ThreadingHTTPServer(("127.0.0.1", port), Endpoint) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


def main() -> None:
    """Opens the client and serves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appid", required=True)
    parser.add_argument("--store", default="wxsub.db")
    parser.add_argument("--port", type=int, default=8000, help="0: any free one")
    args = parser.parse_args()
    # From the environment: a command line can be read by others.
    event = {"token": os.environ.get("WXSUB_EVENT_TOKEN"), "aes_key": os.environ.get("WXSUB_EVENT_AES_KEY")}
    config = {"appid": args.appid, "secret": os.environ.get("WXSUB_SECRET"), "store": args.store, "event": event}
    try:
        with wxsub.Client(config) as client:
            serve(Router(client, Game(), bool(event["aes_key"])), args.port)
    except wxsub.WxsubError as error:
        sys.exit(f"{error.status.c_name}: {error}")


if __name__ == "__main__":
    main()
