"""WeChat mini-game subscribe messages for game servers.

Pass on what the players' clients answered (:meth:`Client.report_json`), and send (:meth:`Client.send`): the native
library counts what each player still allows, handles tokens, limits and retries, and answers with a verdict.

    import wxsub

    with wxsub.Client(appid="wx...", secret="...") as client:
        client.report_json(openid, what_the_game_client_got)
        client.send({"touser": openid, "template_id": template, "data": {"thing1": "Your crops are ripe"}})

A game loop submits (:meth:`Client.submit`) and polls (:meth:`Client.poll`) instead; with asyncio, see
:class:`AsyncClient`.
"""

from ._arguments import Json, OnConflict, OnUnknown, When
from ._log import Log
from ._native import ABI
from ._transport import HttpEnd, HttpReply, HttpRequest, Transport
from .awaiting import AsyncClient
from .client import MAX_RESULTS, Client, abi, version
from .errors import (
    AuthError,
    Banned,
    Busy,
    Cancelled,
    ClosedError,
    ConfigError,
    ConnectError,
    Expired,
    ForkedError,
    InternalError,
    InvalidArgument,
    MaybeSent,
    MessageError,
    NoQuota,
    NotAllowed,
    NotFound,
    NotSent,
    QueueFull,
    Refused,
    SignatureError,
    Skipped,
    StoreError,
    TooLate,
    WeChatError,
    WxsubError,
)
from .result import Answer, EventReply, Flags, Identity, LogLevel, Quota, Result, Retry, Status
from .simulator import Simulator
from .stats import Stats

__version__ = "0.1.0"

__all__ = [
    "ABI",
    "MAX_RESULTS",
    "Answer",
    "AsyncClient",
    "AuthError",
    "Banned",
    "Busy",
    "Cancelled",
    "Client",
    "ClosedError",
    "ConfigError",
    "ConnectError",
    "EventReply",
    "Expired",
    "Flags",
    "ForkedError",
    "HttpEnd",
    "HttpReply",
    "HttpRequest",
    "Identity",
    "InternalError",
    "InvalidArgument",
    "Json",
    "Log",
    "LogLevel",
    "MaybeSent",
    "MessageError",
    "NoQuota",
    "NotAllowed",
    "NotFound",
    "NotSent",
    "OnConflict",
    "OnUnknown",
    "QueueFull",
    "Quota",
    "Refused",
    "Result",
    "Retry",
    "SignatureError",
    "Simulator",
    "Skipped",
    "Stats",
    "Status",
    "StoreError",
    "TooLate",
    "Transport",
    "WeChatError",
    "When",
    "WxsubError",
    "abi",
    "version",
]
