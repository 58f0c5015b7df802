"""Where the command line takes its configuration from: a file, the environment, and options that are no secrets."""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from .errors import ConfigError
from .result import Result, Status

#: Variables that stand for one key each; they win over the file.
VARIABLES: Dict[str, str] = {
    "appid": "WXSUB_APPID",
    "secret": "WXSUB_SECRET",
    "store": "WXSUB_STORE",
    "api_base": "WXSUB_API_BASE",
    "proxy": "WXSUB_PROXY",
    "ca_file": "WXSUB_CA_FILE",
}

#: With ``"token": "external"``: the token itself.
ACCESS_TOKEN = "WXSUB_ACCESS_TOKEN"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that :func:`read` looks at. There is none for a secret: a command line can be read by others."""
    options = parser.add_argument_group("configuration")
    add: Callable[..., Any] = options.add_argument
    hidden = argparse.SUPPRESS
    add("--config", metavar="FILE", default=hidden, help="the library's configuration, JSON (or: WXSUB_CONFIG)")
    add("--appid", default=hidden, help="(or: WXSUB_APPID)")
    add("--store", default=hidden, help="the server's store, a file or a URL (or: WXSUB_STORE)")
    add("--api-base", metavar="URL", default=hidden, help="instead of WeChat: a simulator (or: WXSUB_API_BASE)")
    add("--create", action="store_true", default=hidden, help="make the store file if there is none")


def read(args: argparse.Namespace) -> Dict[str, Any]:
    """Everything together: options win over variables, variables over the file.

    :raises ConfigError: what is missing, and where it could be put. Values of secrets are never in it.
    """
    settings = _file(getattr(args, "config", None))
    for key, variable in VARIABLES.items():
        value = os.environ.get(variable)
        if value:
            settings[key] = value
    for key in ("appid", "store", "api_base"):
        value = getattr(args, key, None)
        if value:
            settings[key] = value
    if not settings.get("appid"):
        raise _wrong("no appid: name a configuration file with --config or WXSUB_CONFIG, or set WXSUB_APPID")
    if not settings.get("secret") and settings.get("token") != "external":
        raise _wrong("no secret: put it into WXSUB_SECRET, or into the configuration file")
    _check_store(settings.get("store"), getattr(args, "create", False))
    return settings


def _file(named: Optional[str]) -> Dict[str, Any]:
    """The object in the file, or in the variable itself."""
    if named is not None and named.lstrip().startswith("{"):
        raise _wrong("--config takes a file, not JSON: others could read a secret on the command line")
    source = named if named is not None else os.environ.get("WXSUB_CONFIG")
    if not source:
        return {}
    if source.lstrip().startswith("{"):
        return _object(source, "WXSUB_CONFIG")
    try:
        with open(source, encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            settings = _object(file.read(), source)
    except OSError as why:
        raise _wrong(f"{source}: {why.strerror}") from None
    except UnicodeDecodeError:
        raise _wrong(f"{source}: not UTF-8") from None
    if os.name == "posix" and settings.get("secret") and mode & (stat.S_IRGRP | stat.S_IROTH):
        print(f"wxsub: {source} holds the secret and others may read it: chmod 600", file=sys.stderr)
    return settings


def _object(text: str, source: str) -> Dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError as why:
        # json's own words name the place, and no values.
        raise _wrong(f"{source}: not JSON: {why}") from None
    if not isinstance(settings, dict):
        raise _wrong(f"{source}: not a JSON object")
    return settings


def _check_store(store: Any, create: bool) -> None:
    """The library makes a file that is not there. Here that would mostly be a mistyped path, and a count of 0."""
    if store is None:
        raise _wrong(
            "no store: name the server's with --store, WXSUB_STORE or in the configuration file"
            ' (":memory:": an empty one, forgotten at the end)'
        )
    if create or not isinstance(store, str) or store == ":memory:" or "://" in store:
        return
    path = Path(store)
    if not path.exists():
        raise _wrong(f"no store at {path.absolute()}: the server makes it when it starts; --create makes an empty one")


def _wrong(text: str) -> ConfigError:
    return ConfigError(Result(Status.CONFIG, text))
