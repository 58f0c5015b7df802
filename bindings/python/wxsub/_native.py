"""The native library: found, loaded, checked, and declared as ``include/wxsub.h`` declares it.

``tests/test_header.py`` reads the header and fails when this file drifts from it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import POINTER, c_char, c_char_p, c_int32, c_int64, c_size_t, c_ssize_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Dict, List, Tuple

#: The header's ``WXSUB_ABI`` that this package was written against. The library's may be higher.
ABI = 2


class RawResult(ctypes.Structure):
    """``wxsub_result``, field by field."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_int32),
        ("errcode", c_int32),
        ("http_status", c_int32),
        ("retry", c_int32),
        ("quota", c_int32),
        ("remaining", c_int64),
        ("msgid", c_int64),
        ("ticket", c_uint64),
        ("tag", c_uint64),
        ("attempts", c_uint32),
        ("elapsed_ms", c_uint32),
        ("retry_after_ms", c_uint32),
        ("flags", c_uint32),
        ("template_id", c_char * 64),
        ("key", c_char * 64),
        ("message", c_char * 248),
    ]


class RawIdentity(ctypes.Structure):
    """``wxsub_identity``, field by field."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("openid", c_char * 64),
        ("unionid", c_char * 64),
        ("session_key", c_char * 64),
    ]


class RawStats(ctypes.Structure):
    """``wxsub_stats``, field by field."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("sent", c_uint64),
        ("refused", c_uint64),
        ("no_quota", c_uint64),
        ("bad_message", c_uint64),
        ("busy", c_uint64),
        ("auth", c_uint64),
        ("banned", c_uint64),
        ("wechat", c_uint64),
        ("connect", c_uint64),
        ("unknown", c_uint64),
        ("cancelled", c_uint64),
        ("expired", c_uint64),
        ("store", c_uint64),
        ("other", c_uint64),
        ("replayed", c_uint64),
        ("reports", c_uint64),
        ("token_calls", c_uint64),
        ("queued", c_uint64),
        ("running", c_uint64),
        ("results", c_uint64),
        ("lost_results", c_uint64),
        ("outbox_waiting", c_uint64),
        ("outbox_due", c_uint64),
        ("outbox_oldest_due_ms", c_uint64),
        ("skipped", c_uint64),
    ]


class RawHttpRequest(ctypes.Structure):
    """``wxsub_http_request``, field by field."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("timeout_ms", c_uint32),
        ("method", c_char_p),
        ("url", c_char_p),
        ("content_type", c_char_p),
        ("body", POINTER(c_char)),
        ("body_len", c_size_t),
    ]


class RawHttpResponse(ctypes.Structure):
    """``wxsub_http_response``, field by field."""

    _fields_ = [
        ("struct_size", c_uint32),
        ("http_status", c_int32),
        ("body", POINTER(c_char)),
        ("body_capacity", c_size_t),
        ("body_len", c_size_t),
        ("message", c_char * 128),
    ]


def new_result() -> RawResult:
    """``WXSUB_RESULT_INIT``: the size filled in, all else zero."""
    return RawResult(struct_size=ctypes.sizeof(RawResult))


def new_identity() -> RawIdentity:
    """``WXSUB_IDENTITY_INIT``: the same for an identity."""
    return RawIdentity(struct_size=ctypes.sizeof(RawIdentity))


def new_stats() -> RawStats:
    """``WXSUB_STATS_INIT``: the same for the numbers."""
    return RawStats(struct_size=ctypes.sizeof(RawStats))


#: ``wxsub_log_fn``
LogFn = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
#: ``wxsub_destroy_fn``
DestroyFn = ctypes.CFUNCTYPE(None, c_void_p)
#: ``wxsub_http_fn``
HttpFn = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(RawHttpRequest), POINTER(RawHttpResponse))

_Result = POINTER(RawResult)

#: Every function: what it returns, what it takes.
SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "wxsub_abi": (c_uint32, []),
    "wxsub_version": (c_char_p, []),
    "wxsub_status_name": (c_char_p, [c_int32]),
    "wxsub_init": (c_int32, [c_char_p, POINTER(c_void_p), _Result]),
    "wxsub_set_log": (c_int32, [c_void_p, LogFn, c_void_p, DestroyFn, c_int32]),
    "wxsub_shutdown": (c_int32, [c_void_p, c_uint32, POINTER(c_size_t)]),
    "wxsub_free": (None, [c_void_p]),
    "wxsub_report": (c_int32, [c_void_p, c_char_p, c_char_p, c_int32, c_char_p, _Result]),
    "wxsub_report_json": (
        c_int32,
        [c_void_p, c_char_p, c_char_p, c_char_p, _Result, c_size_t, POINTER(c_size_t)],
    ),
    "wxsub_quota": (c_int32, [c_void_p, c_char_p, c_char_p, POINTER(c_int64), _Result]),
    "wxsub_send": (c_int32, [c_void_p, c_char_p, c_char_p, _Result]),
    "wxsub_set_token": (c_int32, [c_void_p, c_char_p, c_uint32]),
    "wxsub_submit": (c_int32, [c_void_p, c_char_p, c_char_p, POINTER(c_uint64), _Result]),
    "wxsub_submit_report": (
        c_int32,
        [c_void_p, c_char_p, c_char_p, c_int32, c_char_p, c_uint64, POINTER(c_uint64), _Result],
    ),
    "wxsub_poll": (c_int32, [c_void_p, _Result, c_size_t, c_uint32, POINTER(c_size_t)]),
    "wxsub_poll_handle": (c_int32, [c_void_p, POINTER(c_ssize_t)]),
    "wxsub_cancel": (c_int32, [c_void_p, c_char_p, c_char_p, _Result]),
    "wxsub_lookup": (c_int32, [c_void_p, c_char_p, c_char_p, _Result]),
    "wxsub_handle_event": (
        c_int32,
        [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(c_char), c_size_t, POINTER(c_size_t), _Result],
    ),
    "wxsub_open_event": (
        c_int32,
        [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(c_char), c_size_t, POINTER(c_size_t), _Result],
    ),
    "wxsub_admin": (
        c_int32,
        [c_void_p, c_char_p, POINTER(c_char), c_size_t, POINTER(c_size_t), _Result],
    ),
    "wxsub_ask": (
        c_int32,
        [c_void_p, c_char_p, c_char_p, POINTER(c_char), c_size_t, POINTER(c_size_t), _Result],
    ),
    "wxsub_login": (c_int32, [c_void_p, c_char_p, POINTER(RawIdentity), _Result]),
    "wxsub_check": (c_int32, [c_void_p, _Result]),
    "wxsub_get_stats": (c_int32, [c_void_p, POINTER(RawStats)]),
    "wxsub_set_transport": (c_int32, [c_void_p, HttpFn, c_void_p, DestroyFn]),
}

if sys.platform == "win32":
    _NAMES = ["wxsub.dll"]
elif sys.platform == "darwin":
    _NAMES = ["libwxsub.dylib"]
else:
    _NAMES = ["libwxsub.so", "libwxsub.so.1"]


def _place() -> List[str]:
    """What to load: the first place that has the library, or the names for the system's loader to look for."""
    named = os.environ.get("WXSUB_LIBRARY")
    if named:
        return [named]
    package = Path(__file__).resolve().parent
    places = [package]
    for checkout in list(package.parents)[2:3]:  # <checkout>/bindings/python/wxsub
        if (checkout / "Cargo.toml").is_file():
            places += [checkout / "target" / "release", checkout / "target" / "debug"]
    for place in places:
        if (place / _NAMES[0]).is_file():
            return [str(place / _NAMES[0])]
    return _NAMES


def load() -> ctypes.CDLL:
    """Loads the library and checks that it is new enough. CDLL: the GIL is free while a call runs.

    :raises ImportError: not found, not loadable, or older than this package.
    """
    failures = []
    for name in _place():
        try:
            library = ctypes.CDLL(name)
        except OSError as why:
            failures.append(str(why))
            continue
        _declare(library, name)
        return library
    raise ImportError(
        "wxsub: the native library cannot be loaded. Set WXSUB_LIBRARY to its path, put "
        + _NAMES[0]
        + " beside this package, or install it where the system's loader looks. ("
        + "; ".join(failures)
        + ")"
    )


def _declare(library: ctypes.CDLL, name: str) -> None:
    """Gives every function its types, the one that tells the ABI number first."""
    try:
        library.wxsub_abi.restype, library.wxsub_abi.argtypes = SIGNATURES["wxsub_abi"]
        abi = int(library.wxsub_abi())
        if abi < ABI:
            raise ImportError(
                f"wxsub: {name} has ABI {abi}, this package needs {ABI} or higher: install a newer library"
            )
        for function, (returns, takes) in SIGNATURES.items():
            declared = getattr(library, function)
            declared.restype, declared.argtypes = returns, takes
    except AttributeError as why:
        raise ImportError(f"wxsub: {name} is not a wxsub library: {why}") from why


#: The loaded library.
lib: ctypes.CDLL = load()
