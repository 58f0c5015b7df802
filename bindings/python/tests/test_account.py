"""The account: who a login code belongs to, and whether it will work."""

from __future__ import annotations

import unittest
import uuid
from typing import Any, List

import support
import wxsub
from support import sim
from wxsub import Retry, Status


def trouble(endpoint: str, kind: str, **more: Any) -> None:
    """Arms a fault for the next request to an endpoint."""
    sim("faults", {"kind": kind, "endpoint": endpoint, **more})


class Login(support.SimCase):
    def code(self, **more: Any) -> str:
        """A new code."""
        code = uuid.uuid4().hex
        sim("codes", {"code": code, "openid": f"o-{code}", **more})
        return code

    def test_a_code_becomes_an_identity_once(self) -> None:
        client = self.client()
        lines: List[str] = []
        client.set_log(lambda level, text: lines.append(text), wxsub.LogLevel.DEBUG)
        code = self.code(unionid="u-玩家")
        identity = client.login(code)
        self.assertEqual((identity.openid, identity.unionid), (f"o-{code}", "u-玩家"))
        self.assertEqual(len(identity.session_key), 24)
        self.assertNotIn(identity.session_key, repr(identity) + str(identity))
        self.assertIn(identity.openid, repr(identity))
        self.assertFalse([line for line in lines if identity.session_key in line or support.SECRET in line])
        self.assertEqual(client.login(self.code()).unionid, "")
        with self.assertRaises(wxsub.WeChatError) as caught:
            client.login(code)
        self.assertEqual(caught.exception.result.errcode, 40163)

    def test_codes_that_are_no_good(self) -> None:
        client = self.client()
        for code, errcode in (("no-such-code", 40029), (self.code(blocked=True), 40226)):
            with self.assertRaises(wxsub.WeChatError) as caught:
                client.login(code)
            self.assertEqual(caught.exception.result.errcode, errcode)
            self.assertIs(caught.exception.result.retry, Retry.NEVER)
        for wrong in ("", "a\0b", "\ud800", None):
            with self.assertRaises(wxsub.InvalidArgument):
                client.login(wrong)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            client.login(b"code")  # type: ignore[arg-type]

    def test_what_else_goes_wrong(self) -> None:
        with self.assertRaises(wxsub.AuthError) as refused:
            self.client(secret="wrong-" + support.SECRET).login(self.code())
        self.assertNotIn(support.SECRET, str(refused.exception))
        with self.assertRaises(wxsub.ConnectError):
            self.offline().login(self.code())
        with self.assertRaises(wxsub.ConfigError):
            wxsub.Client(appid="wx1", token="external", store=":memory:").login(self.code())
        for errcode in (-1, 45011):
            trouble("jscode2session", "errcode", errcode=errcode)
            with self.assertRaises(wxsub.Busy) as busy:
                self.client(max_attempts=1).login(self.code())
            self.assertGreater(busy.exception.retry_after, 0)
        trouble("jscode2session", "errcode", errcode=-1)
        code = self.code()
        self.assertEqual(self.client().login(code).openid, f"o-{code}")


class Check(support.SimCase):
    def test_all_is_well(self) -> None:
        client = self.client()
        lines: List[str] = []
        client.set_log(lambda level, text: lines.append(text))
        result = client.check()
        self.assertTrue(result.ok, result)
        for part in ("store: writable", "network: reached", "credentials: right", "templates: "):
            self.assertIn(part, result.message)
            self.assertTrue([line for line in lines if part in line], lines)

    def test_a_wrong_secret(self) -> None:
        result = self.client(secret="wrong-" + support.SECRET).check()
        self.assertIs(result.status, Status.AUTH)
        self.assertIn('"secret"', result.message)
        self.assertTrue(result.message.startswith("credentials: "), result.message)
        self.assertNotIn(support.SECRET, result.message)

    def test_an_address_that_is_not_allowed_is_named(self) -> None:
        client = self.client()
        errmsg = "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 6650a1b2-0badf00d-00000001"
        trouble("stable_token", "errcode", errcode=40164, errmsg=errmsg)
        result = client.check()
        self.assertEqual((result.status, result.errcode), (Status.AUTH, 40164))
        self.assertIn("203.0.113.7", result.message)
        self.assertTrue(client.check().ok)

    def test_nobody_there(self) -> None:
        result = self.offline().check()
        self.assertEqual((result.status, result.retry), (Status.CONNECT, Retry.LATER))
        self.assertTrue(result.message.startswith("network: "), result.message)


if __name__ == "__main__":
    unittest.main()
