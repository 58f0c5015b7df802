"""What the tests share: the simulator's controls, players nobody else uses, clients that are closed again.

WXSUB_SIM    base URL of a running simulator (http://127.0.0.1:8080); without it the tests that need one are skipped
WXSUB_APPID, WXSUB_SECRET    the simulator's account, where it is not the default one
WXSUB_LIBRARY    the native library
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]
sys.path.insert(0, str(PACKAGE))

import wxsub  # noqa: E402

SIM = os.environ.get("WXSUB_SIM", "").rstrip("/")
APPID = os.environ.get("WXSUB_APPID", "wx0000000000000000")
SECRET = os.environ.get("WXSUB_SECRET", "simulator-secret")

#: One of the simulator's samples; its keywords are thing1 and time2.
TEMPLATE = "sim-stamina"

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def sim(path: str, body: Optional[Dict[str, Any]] = None, **query: str) -> Any:
    """One control call: GET, or POST when there is a body."""
    url = f"{SIM}/sim/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with _direct.open(request, timeout=10) as answer:
        return json.loads(answer.read())


def message(openid: str, thing: str = "体力已满", **more: Any) -> Dict[str, Any]:
    """A message that keeps every rule."""
    data = {"thing1": {"value": thing}, "time2": "15:01"}
    return {"touser": openid, "template_id": TEMPLATE, "page": "index", "data": data, **more}


def settings(store: str, **more: Any) -> Dict[str, Any]:
    """Configuration of a client of the simulator's account."""
    return {"appid": APPID, "secret": SECRET, "api_base": SIM, "store": store, **more}


def offline_settings(**more: Any) -> Dict[str, Any]:
    """Configuration of a client that needs no network."""
    return {"appid": APPID, "secret": SECRET, "store": ":memory:", "api_base": "http://127.0.0.1:1", **more}


def run_python(source: str, **settings: Any) -> "subprocess.CompletedProcess[str]":
    """Runs a program in a process of its own; ``settings`` is a dict in it."""
    return subprocess.run(
        command(source, settings), env=child_env(), capture_output=True, text=True, timeout=60, check=False
    )


def command(source: str, settings: Dict[str, Any]) -> List[str]:
    """The command line of such a program."""
    head = f"import json, os, sys, threading, time\nimport wxsub\nsettings = json.loads({json.dumps(settings)!r})\n"
    return [sys.executable, "-c", head + textwrap.dedent(source)]


def child_env() -> Dict[str, str]:
    """The environment of a program whose stderr must stay empty: none of Python's own notes, such as that a program
    with threads forks."""
    ours = {"PYTHONPATH": str(PACKAGE), "PYTHONWARNINGS": "ignore"}
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONDEVMODE"}, **ours}


class Case(unittest.TestCase):
    """A test with a folder of its own for its store."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="wxsub-")
        self.addCleanup(folder.cleanup)
        self.store = str(Path(folder.name) / "wxsub.db")

    def offline(self, **more: Any) -> wxsub.Client:
        """A client that needs no network."""
        client = wxsub.Client(offline_settings(**more))
        self.addCleanup(client.close)
        return client


@unittest.skipUnless(SIM, "WXSUB_SIM is not set: no simulator to send to")
class SimCase(Case):
    """A test that sends to the simulator."""

    def client(self, **more: Any) -> wxsub.Client:
        """A client of the simulator's account."""
        client = wxsub.Client(settings(self.store, **more))
        self.addCleanup(client.close)
        return client

    def player(self, client: Optional[wxsub.Client] = None, grants: int = 1) -> str:
        """A new player, who accepted so often, as WeChat and (if given) the client know."""
        openid = f"o-{uuid.uuid4().hex}"
        if grants:
            sim("grant", {"openid": openid, "template_id": TEMPLATE, "n": grants})
        for _ in range(grants if client else 0):
            assert client is not None
            client.report(openid, TEMPLATE, wxsub.Answer.ACCEPT)
        return openid

    def trouble(self, openid: str, kind: str, **more: Any) -> None:
        """Arms a fault for this player's sends."""
        sim("faults", {"kind": kind, "endpoint": "send", "openid": openid, **more})

    def delivered(self, openid: str) -> List[Dict[str, Any]]:
        """What this player got."""
        found = sim("deliveries", openid=openid)
        assert isinstance(found, list)
        return found
