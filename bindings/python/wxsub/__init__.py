"""WeChat mini-game subscribe messages for game servers.

Pass on what the players' clients answered (:meth:`Client.report_json`), and send (:meth:`Client.send`): the native
library counts what each player still allows, handles tokens, limits and retries, and answers with a verdict.

    import wxsub

    with wxsub.Client(appid="wx...", secret="...") as client:
        client.report_json(openid, what_the_game_client_got)
        client.send({"touser": openid, "template_id": template, "data": {"thing1": "Your crops are ripe"}})
"""

from ._log import Log
from ._native import ABI
from .client import MAX_RESULTS, Client, Json, version
from .errors import (
    AuthError,
    Banned,
    Busy,
    Cancelled,
    ClosedError,
    ConfigError,
    ConnectError,
    ForkedError,
    InternalError,
    InvalidArgument,
    MaybeSent,
    MessageError,
    NoQuota,
    NotAllowed,
    NotSent,
    Refused,
    SignatureError,
    StoreError,
    WeChatError,
    WxsubError,
)
from .result import Answer, EventReply, Flags, Identity, LogLevel, Quota, Result, Retry, Status

__version__ = "0.1.0"

__all__ = [
    "ABI",
    "MAX_RESULTS",
    "Answer",
    "AuthError",
    "Banned",
    "Busy",
    "Cancelled",
    "Client",
    "ClosedError",
    "ConfigError",
    "ConnectError",
    "EventReply",
    "Flags",
    "ForkedError",
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
    "NotSent",
    "Quota",
    "Refused",
    "Result",
    "Retry",
    "SignatureError",
    "Status",
    "StoreError",
    "WeChatError",
    "WxsubError",
    "version",
]
