"""A WeChat on loopback for a game's own tests: a program of its own, started and stopped by :class:`Simulator`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Mapping, Optional, Type, Union

from ._program import program as operators_program

#: Never by a proxy: it listens on 127.0.0.1.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Simulator:
    """A WeChat that nobody else uses, on a free port of 127.0.0.1::

        with wxsub.Simulator() as wechat, wxsub.Client(wechat.settings, store=":memory:") as client:
            wechat.grant("o-alice", "sim-stamina")
            ...
            assert len(wechat.deliveries("o-alice")) == 1

    It ends with the ``with``, at :meth:`stop`, and in any case with this process, also when that is killed. For tests
    and for trying things out; the library itself never starts it.

    :param grants: what each player has of each template at the start.
    :param latency: how many seconds a send takes.
    :param templates: a JSON file with the account's templates, as ``gettemplate`` answers it; default: the samples
        ``sim-stamina``, ``sim-activity`` and ``sim-result``.
    :param port: 0 is any free one.
    :param program: the path of ``wxsub``, which has the simulator in it; default: see :func:`~wxsub.simulator.find`.
    :raises FileNotFoundError: there is no such program.
    :raises RuntimeError: it did not start; what it said is on stderr.
    """

    def __init__(
        self,
        *,
        grants: int = 0,
        latency: float = 0.0,
        templates: Optional[Union[str, "os.PathLike[str]"]] = None,
        port: int = 0,
        program: Optional[Union[str, "os.PathLike[str]"]] = None,
    ) -> None:
        command = find() if program is None else command_of(program)
        command += ["--exit-with-stdin", "--port", str(port)]
        command += ["--grants", str(grants), "--latency-ms", str(round(latency * 1000))]
        if templates is not None:
            command += ["--templates", os.fspath(templates)]
        # Its stdin is the string that holds it: closed by stop(), or by the system when this process is gone. In a
        # session of its own, so that Ctrl-C in the terminal reaches the tests and not the WeChat that they still use.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout
        first = self._process.stdout.readline().decode(errors="replace").strip()
        if not first.startswith("listening on "):
            self.stop()
            raise RuntimeError(f"wxsub: {command[0]} did not start; what it said is on stderr")
        #: ``http://127.0.0.1:PORT``
        self.url = first[len("listening on ") :]
        account = self.control("account")
        #: The account's, for :class:`~wxsub.Client`.
        self.appid: str = account["appid"]
        #: Its secret.
        self.secret: str = account["secret"]

    @property
    def settings(self) -> Dict[str, Any]:
        """``appid``, ``secret`` and ``api_base`` of a client's configuration."""
        return {"appid": self.appid, "secret": self.secret, "api_base": self.url}

    def control(self, path: str, body: Optional[Mapping[str, Any]] = None, **query: str) -> Any:
        """One of its controls, such as ``control("faults", {"kind": "errcode", "errcode": -1, "endpoint": "send"})``: a
        POST if there is a body. ``GET /sim`` lists all of them.

        :raises urllib.error.HTTPError: it refused the call.
        """
        url = f"{self.url}/sim/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"content-type": "application/json"})
        with _direct.open(request, timeout=30) as answer:
            return json.loads(answer.read())

    def grant(self, openid: str, template_id: str, n: int = 1) -> int:
        """The player accepts ``n`` times; how many messages WeChat would take now."""
        answer = self.control("grant", {"openid": openid, "template_id": template_id, "n": n})
        return int(answer["remaining"])

    def deliveries(self, openid: Optional[str] = None) -> List[Dict[str, Any]]:
        """What arrived, at one player or at all of them, the oldest first."""
        query = {} if openid is None else {"openid": openid}
        found: List[Dict[str, Any]] = self.control("deliveries", None, **query)
        return found

    def stop(self) -> None:
        """Ends it; once more does nothing."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()


def find() -> List[str]:
    """The program and its first arguments: ``wxsub simulator`` of this package or its checkout or on ``PATH``, or what
    ``WXSUB_SIMULATOR`` names.

    :raises FileNotFoundError: in words, when it is nowhere.
    """
    named = os.environ.get("WXSUB_SIMULATOR")
    found = named or operators_program() or shutil.which("wxsub")
    if not found:
        raise FileNotFoundError(
            "wxsub: this package was built without the program that has the simulator: install a wheel, build it with"
            " cargo, or set WXSUB_SIMULATOR to the path of wxsub or wxsub-simulator"
        )
    return command_of(found)


def command_of(program: Union[str, "os.PathLike[str]"]) -> List[str]:
    """The simulator alone is a program, too, in the repository and in ``dist/simulator/``."""
    path = os.fspath(program)
    return [path] if Path(path).stem == "wxsub-simulator" else [path, "simulator"]
