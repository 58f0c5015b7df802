"""A game server's half, whole: login, the players' answers, which templates to ask for, a message after an event of the
game, WeChat's push address, and numbers for Prometheus.

    pip install -r examples/python/requirements.txt
    WXSUB_SECRET=simulator-secret PYTHONPATH=bindings/python python3 examples/python/server.py \
        --appid wx0000000000000000 --api-base http://127.0.0.1:8900 --port 9000

and open the simulator's phone on it: http://127.0.0.1:8900/phone?server=http://127.0.0.1:9000

    POST /login   {"code", "scene"}         -> {"session", "ask", "counts"}   the code of wx.login; scene 1014: a card was tapped
    POST /report  {"id", "kind", "answer"}  -> {"ask", "counts"}              what wxsub-client hands to `report`
    POST /plan    {}                        -> {"ask", "counts"}              which templates to ask for now
    POST /event   {"event": "stamina"}      -> {"full_at_ms"}                 the stamina is used up
    GET, POST /push                                                           what WeChat pushes
    GET  /metrics                                                             for Prometheus: not for the internet

All but login, push and metrics want the header "Authorization: Bearer SESSION": who a player is comes from the session and
never from a body. The session, the stamina and the bag stand for your own game; what remains is wxsub's part.

Secrets come from the environment: WXSUB_SECRET, and for pushes WXSUB_EVENT_TOKEN and WXSUB_EVENT_AES_KEY. It serves plain
HTTP on loopback: put the web server before it that speaks HTTPS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, List, Optional

import wxsub
from aiohttp import web

from push import Game, Router

#: What this game sends, in order of worth, and how many accepts of each are enough.
TEMPLATES = [{"id": "sim-stamina", "keep": 3}, {"id": "sim-activity", "keep": 3}, {"id": "sim-result", "keep": 3}]
STAMINA = "sim-stamina"
#: WeChat's scene for a tap on a card of 服务通知.
FROM_A_CARD = 1014
#: The card's page in the game, and what stands on it.
PAGE = "pages/index?from=stamina"
FULL = "体力已满，快来领取"

#: A report is 64 KiB at most, and a little around it.
BODY_BYTES = 72 * 1024
BODY_SECONDS = 10
#: One player's requests: so many at once, then so many a second.
BURST, PER_SECOND = 20, 5.0
#: Sessions that are kept; the one that was used longest ago makes room.
SESSIONS = 100_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def say(text: str) -> None:
    """One line for the operator. What a player's machine sent is escaped by repr()."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def fail(status: int, why: str) -> web.Response:
    """An answer that the client's programmer can read."""
    return web.json_response({"error": why}, status=status)


@dataclass
class Session:
    """One login of one player."""

    openid: str
    left: float = BURST
    seen: float = field(default_factory=time.monotonic)

    def may(self) -> bool:
        """Whether one more request is bearable: a bucket that fills up again."""
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.seen) * PER_SECOND)
        self.seen = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Sessions:
    """Who is logged in. In your game this is what you have already."""

    def __init__(self) -> None:
        self._open: "OrderedDict[str, Session]" = OrderedDict()

    def begin(self, openid: str) -> str:
        """A new session's token, which cannot be guessed."""
        token = secrets.token_urlsafe(24)
        self._open[token] = Session(openid)
        if len(self._open) > SESSIONS:
            self._open.popitem(last=False)
        return token

    def find(self, request: web.Request) -> Optional[Session]:
        """The session of a request."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self._open:
            return None
        self._open.move_to_end(token)
        return self._open[token]


class Stamina:
    """The game's own clock: when each player's stamina is full again. The server knows, not the client."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._full_at: Dict[str, float] = {}

    def use_up(self, openid: str) -> float:
        """When it will be full, in Unix seconds; the same while it still fills."""
        if self._full_at.get(openid, 0) <= time.time():
            self._full_at[openid] = time.time() + self._seconds
        return self._full_at[openid]


async def read_body(request: web.Request) -> bytes:
    """The body, within the bounds: aiohttp answers 413 to more."""
    try:
        return await asyncio.wait_for(request.read(), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise web.HTTPRequestTimeout(reason="the body did not come in time") from None


async def read_json(request: web.Request) -> Dict[str, Any]:
    """The body, which must be an object."""
    text = await read_body(request)
    try:
        body = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(reason=f"the body is no JSON: {type(error).__name__}") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(reason="the body is no JSON object")
    return body


def text_of(body: Dict[str, Any], name: str) -> str:
    """A field that must be a short text."""
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 128:
        raise web.HTTPBadRequest(reason=f'"{name}" must be a text of 1 to 128 characters')
    return value


@web.middleware
async def verdicts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What went wrong, as HTTP: 4xx is the caller's mistake and stays one, 503 is worth another try."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return fail(error.status, error.reason) if error.status >= 400 else error
    except (wxsub.InvalidArgument, wxsub.MessageError, ValueError) as error:
        return fail(400, str(error))
    except (wxsub.NotSent, wxsub.MaybeSent) as error:
        say(f"{request.path}: {error.status.c_name}: {error}")
        response = fail(503, error.status.c_name)
        response.headers["retry-after"] = str(max(1, round(error.retry_after)))
        return response
    except wxsub.WxsubError as error:
        say(f"{request.path}: {error.status.c_name}: {error}")
        return fail(500, error.status.c_name)


class Server:
    """The endpoints. What waits for WeChat or for the disk runs in a thread, so that the loop goes on."""

    def __init__(self, client: wxsub.Client, seconds: float, event: Dict[str, Any]) -> None:
        self._client = client
        self._outbox = wxsub.AsyncClient(client, others=self.outcome)
        self._sessions = Sessions()
        self._stamina = Stamina(seconds)
        self._router = Router(client, Game(), bool(event["aes_key"])) if event else None

    def app(self) -> web.Application:
        """The application, ready to run."""
        app = web.Application(client_max_size=BODY_BYTES, middlewares=[verdicts])
        app.cleanup_ctx.append(self._running)
        app.router.add_post("/login", self.login)
        app.router.add_post("/report", self.known(self.report))
        app.router.add_post("/plan", self.known(self.plan))
        app.router.add_post("/event", self.known(self.event))
        app.router.add_get("/metrics", self.metrics)
        if self._router:
            app.router.add_route("*", "/push", self.push)
        return app

    async def _running(self, _app: web.Application) -> AsyncIterator[None]:
        async with self._outbox:
            yield

    def known(self, handler: Callable[[str, Dict[str, Any]], Awaitable[Dict[str, Any]]]) -> Handler:
        """For players who are logged in: the handler gets the openid of the session, and the body."""

        async def checked(request: web.Request) -> web.Response:
            session = self._sessions.find(request)
            if session is None:
                return fail(401, "log in first")
            if not session.may():
                return fail(429, "too many requests")
            return web.json_response(await handler(session.openid, await read_json(request)))

        return checked

    async def login(self, request: web.Request) -> web.Response:
        """The code of wx.login becomes a session. The session_key stays here."""
        body = await read_json(request)
        try:
            who = await asyncio.to_thread(self._client.login, text_of(body, "code"))
        except wxsub.WeChatError as error:
            return fail(401, str(error))
        say(f"{who.openid} logged in")
        if body.get("scene") == FROM_A_CARD:
            await asyncio.to_thread(self._opened, who.openid)
        answer = await self.plan(who.openid, {})
        return web.json_response({"session": self._sessions.begin(who.openid), **answer})

    def _opened(self, openid: str) -> None:
        """Who taps a card is counted, once a message, for the funnel. It must not keep anybody from playing."""
        try:
            done = self._client.admin({"do": "opened", "openid": openid, "scene": FROM_A_CARD})
            say(f"{openid} opened {done['template_id']}" if done["counted"] else f"{openid} opened nothing new")
        except wxsub.WxsubError as error:
            say(f"opened: {error.status.c_name}: {error}")

    async def plan(self, openid: str, _body: Dict[str, Any]) -> Dict[str, Any]:
        """Which templates the game should ask this player for, at the next tap."""
        plan = await asyncio.to_thread(self._client.ask, openid, TEMPLATES)
        return {"ask": plan["ask"], "counts": plan["counts"]}

    async def report(self, openid: str, body: Dict[str, Any]) -> Dict[str, Any]:
        """What the player answered, as WeChat gave it to the client. Returns when it is on disk: then the client forgets it.
        The id makes that the same answer, reported again, counts once."""
        answer, key = body.get("answer"), text_of(body, "id")
        if not isinstance(answer, dict):
            raise web.HTTPBadRequest(reason='"answer" must be what WeChat gave to the game')
        results = await asyncio.to_thread(self._client.report_json, openid, answer, key)
        told = [f"{one.template_id} {one.quota.name.lower()}, {one.remaining} left" for one in results if one.ok]
        again = " (again)" if any(one.replayed for one in results) else ""
        say(f"{openid} answered{again}: {'; '.join(told) or 'nothing to count'}")
        return await self.plan(openid, {})

    async def event(self, openid: str, body: Dict[str, Any]) -> Dict[str, Any]:
        """The stamina is used up: the message is stored now, survives a restart, and goes out when it is full."""
        if body.get("event") != "stamina":
            raise web.HTTPBadRequest(reason='"event" must be "stamina"')
        full_at = self._stamina.use_up(openid)
        at_ms = round(full_at * 1000)
        message = {
            "touser": openid,
            "template_id": STAMINA,
            "page": PAGE,
            "data": {"thing1": FULL, "time2": time.strftime("%H:%M", time.localtime(full_at))},
        }
        # The key names what the message is about: told twice by the game, it is sent once.
        await self._outbox.submit(message, key=f"stamina-{at_ms}", deliver_at=at_ms)
        return {"full_at_ms": at_ms}

    def outcome(self, result: wxsub.Result) -> None:
        """What became of a message that was stored."""
        what = f"sent, {result.remaining} left" if result.ok else f"{result.status.c_name}: {result.message}"
        say(f"message {result.key}: {what}")

    async def push(self, request: web.Request) -> web.Response:
        """WeChat's push address: events go into the count, gifts and paid goods are answered as they want it."""
        assert self._router
        body = await read_body(request)
        query = request.rel_url.raw_query_string
        status, reply = await asyncio.to_thread(self._router.answer, query, body)
        say(f"push: {status} {reply[:40]!r}")
        return web.Response(status=status, text=reply)

    async def metrics(self, _request: web.Request) -> web.Response:
        """For Prometheus."""
        return web.Response(text=(await asyncio.to_thread(self._client.admin, {"do": "metrics"}))["metrics"])


def settings(args: argparse.Namespace) -> Dict[str, Any]:
    """The library's configuration."""
    config: Dict[str, Any] = {"appid": args.appid, "secret": os.environ.get("WXSUB_SECRET"), "store": args.store}
    if args.api_base:
        config["api_base"] = args.api_base
    if os.environ.get("WXSUB_EVENT_TOKEN"):
        token, key = os.environ["WXSUB_EVENT_TOKEN"], os.environ.get("WXSUB_EVENT_AES_KEY")
        config["event"] = {"token": token, "aes_key": key}
    return config


def arguments(given: Optional[List[str]] = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--appid", required=True)
    parser.add_argument("--api-base", help="address of a simulator; default: the real WeChat")
    parser.add_argument("--store", default="wxsub.db", help="file of the counts and of the messages that wait")
    parser.add_argument("--port", type=int, default=9000, help="on 127.0.0.1; 0: any free one")
    parser.add_argument("--seconds", type=float, default=3.0, help="until the stamina is full")
    return parser.parse_args(given)


async def serve(app: web.Application, port: int) -> None:
    """Serves until it is stopped."""
    runner = web.AppRunner(app, access_log=None, handle_signals=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Opens the client and serves."""
    args = arguments()
    config = settings(args)
    try:
        with wxsub.Client(config) as client:
            asyncio.run(serve(Server(client, args.seconds, config.get("event", {})).app(), args.port))
    except (KeyboardInterrupt, web.GracefulExit):
        pass
    except (wxsub.WxsubError, OSError) as error:
        sys.exit(f"server: {error}")


if __name__ == "__main__":
    main()
