"""Pushed events: what is WeChat's counts, each act once; what is not changes nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Dict, List, Tuple

import support
import wxsub
from support import TEMPLATE, message, sim
from wxsub import Answer, Quota, Status

TOKEN = "console-token"
#: As the console makes them: the last character's spare bits are not zero.
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def pushed(openid: str, status: str = "accept", event: str = "popup", **more: Any) -> Tuple[str, bytes]:
    """The query and the body that WeChat would push."""
    items = more.pop("items", [{"template_id": TEMPLATE, "status": status}])
    request = sim("push", {"event": event, "openid": openid, "items": items, "token": TOKEN, **more})
    return request["query"], request["body"].encode()


class Events(support.SimCase):
    def client(self, **more: Any) -> wxsub.Client:
        """A client of plain mode that nobody but WeChat reaches."""
        return super().client(**{"event": {"token": TOKEN, "trust_plain": True}, **more})

    def secure_client(self, **more: Any) -> wxsub.Client:
        """A client that takes only what is encrypted."""
        return self.client(event={"token": TOKEN, "aes_key": AES_KEY}, **more)

    def refused(self, client: wxsub.Client, query: Any, body: bytes = b"") -> str:
        """Expects a refusal; its words."""
        with self.assertRaises(wxsub.SignatureError) as caught:
            client.handle_event(query, body)
        self.assertIs(caught.exception.status, Status.SIGNATURE)
        self.assertNotIn(TOKEN, str(caught.exception))
        self.assertNotIn(AES_KEY, str(caught.exception))
        return str(caught.exception)

    def test_the_check_of_the_address(self) -> None:
        client = self.client()
        for echostr in ("5837397520665623", "e" * 2000):
            query = sim("verification", token=TOKEN, echostr=echostr)["query"]
            for asked in (query, query.encode(), "?" + query):
                self.assertEqual(client.handle_event(asked).reply, echostr)
        self.refused(client, sim("verification", token="wrong", echostr="1")["query"])

    def test_an_answer_counts_once_however_often_it_comes(self) -> None:
        client = self.client()
        openid = self.player()
        query, body = pushed(openid)
        first = client.handle_event(query, body)
        self.assertEqual(first.reply, "success")
        self.assertEqual((first.result.template_id, first.result.quota), (TEMPLATE, Quota.GRANTED))
        self.assertEqual((first.result.remaining, first.result.replayed), (1, False))
        again = client.handle_event(query, body)
        self.assertEqual((again.reply, again.result.replayed), ("success", True))
        client.close()
        client = self.client()
        self.assertTrue(client.handle_event(query.encode(), body).result.replayed)
        self.assertEqual(client.quota(openid, TEMPLATE), 1)
        self.assertTrue(client.send(message(openid)).ok)

    def test_every_format_and_mode(self) -> None:
        plain, secure = self.client(), self.secure_client()
        ways: List[Dict[str, Any]] = [{"format": "xml"}, {"format": "json"}]
        for way in [*ways, {"format": "json", "numbers_as_strings": True}]:
            for mode, client in (("plain", plain), ("mixed", plain), ("mixed", secure), ("secure", secure)):
                openid = self.player(grants=0)
                query, body = pushed(openid, mode=mode, aes_key=AES_KEY, **way)
                done = client.handle_event(query, body)
                self.assertEqual((done.reply, done.result.remaining), ("success", 1), (way, mode))

    def test_refusals_and_several_parts(self) -> None:
        client = self.client()
        openid = self.player(grants=0)
        items = [{"template_id": TEMPLATE, "status": "accept"}, {"template_id": "sim-result", "status": "accept"}]
        for form in ("xml", "json"):
            when = int(time.time()) - 200 if form == "xml" else int(time.time()) - 100
            done = client.handle_event(*pushed(openid, items=items, format=form, create_time=when))
            self.assertEqual((done.reply, done.result.template_id), ("success", ""))
        self.assertEqual((client.quota(openid, TEMPLATE), client.quota(openid, "sim-result")), (2, 2))
        turned_off = client.handle_event(*pushed(openid, "reject", "change"))
        self.assertEqual(turned_off.result.quota, Quota.CLEARED)
        self.assertEqual((client.quota(openid, TEMPLATE), client.quota(openid, "sim-result")), (0, 2))

    def test_one_act_that_comes_both_ways_counts_once(self) -> None:
        client = self.client()
        for event_first in (True, False):
            openid = self.player(grants=0)
            event = pushed(openid)
            if event_first:
                client.handle_event(*event)
            self.assertEqual(client.report(openid, TEMPLATE, Answer.ACCEPT).remaining, 1)
            if not event_first:
                second = client.handle_event(*event)
                self.assertEqual((second.result.quota, second.result.remaining), (Quota.UNTOUCHED, 1))
            self.assertEqual(client.quota(openid, TEMPLATE), 1)
            self.assertEqual(client.report(openid, TEMPLATE, Answer.ACCEPT).remaining, 2)

    def test_a_late_result_settles_what_was_uncertain(self) -> None:
        client = self.client()
        openid = self.player(client)
        self.trouble(openid, "close", applied=True)
        self.assertIs(client.try_send(message(openid), key="k").status, Status.UNKNOWN)
        self.assertEqual(client.quota(openid, TEMPLATE), 1)
        sent = [{"template_id": TEMPLATE, "msg_id": self.delivered(openid)[0]["msgid"], "error_code": 0}]
        self.assertEqual(client.handle_event(*pushed(openid, event="sent", items=sent)).reply, "success")
        self.assertEqual(client.quota(openid, TEMPLATE), 0)
        settled = client.send(message(openid), key="k")
        self.assertTrue(settled.replayed)
        self.assertEqual(len(self.delivered(openid)), 1)

    def test_a_store_that_is_locked_loses_nothing(self) -> None:
        """Another process holds the store's lock; only another process may open the file."""
        client = self.client(timeout_ms=300)
        event = pushed(self.player(grants=0))
        hold = "import sqlite3, sys; s = sqlite3.connect(sys.argv[1], isolation_level=None); "
        hold += "s.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
        command = [sys.executable, "-c", hold, self.store]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout
            holder.stdout.readline()
            with self.assertRaises(wxsub.StoreError) as caught:
                client.handle_event(*event)
            self.assertIsInstance(caught.exception, wxsub.NotSent)
            result = client.check()
            self.assertIs(result.status, Status.STORE)
            self.assertTrue(result.message.startswith("store: "), result.message)
        again = client.handle_event(*event)
        self.assertEqual((again.reply, again.result.remaining, again.result.replayed), ("success", 1, False))

    def test_behind_an_http_server(self) -> None:
        client = self.secure_client()

        class Endpoint(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    status, reply = 200, client.handle_event(self.path.partition("?")[2], body).reply
                except wxsub.SignatureError:
                    status, reply = 403, ""
                self.send_response(status)
                self.end_headers()
                self.wfile.write(reply.encode())

            def log_message(self, *_: Any) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            openid = self.player(grants=0)
            items = [{"template_id": TEMPLATE, "status": "accept"}]
            push = {"openid": openid, "items": items, "token": TOKEN, "aes_key": AES_KEY, "mode": "secure"}
            url = f"http://127.0.0.1:{server.server_port}/wechat"
            good = sim("push", {**push, "url": url})["report"]
            bad = sim("push", {**push, "url": url, "token": "wrong"})["report"]
            server.shutdown()
            thread.join()
        self.assertEqual((good["accepted"], len(good["tries"])), (True, 1))
        self.assertEqual([one["status"] for one in bad["tries"]], [403] * 3)
        self.assertEqual(client.quota(openid, TEMPLATE), 1)

    def test_what_is_not_ours_is_left_to_the_host(self) -> None:
        client = self.client()
        openid = self.player(grants=0)
        for body in (
            b'\xef\xbb\xbf {"MsgType": "text", "FromUserName": "o", "Content": "\xff"}',
            b"<xml><MsgType>event</MsgType><Event>user_enter_tempsession</Event></xml>",
        ):
            query, _ = pushed(openid)
            done = client.handle_event(query, body)
            self.assertEqual((done.reply, done.result.not_ours, done.result.ok), ("", True, True))
            self.assertEqual(client.open_event(query.encode(), body), body)
        self.assertEqual(client.quota(openid, TEMPLATE), 0)

    def test_an_encrypted_message_of_another_kind_is_opened(self) -> None:
        client = self.secure_client()
        gift = '{"MsgType":"event","Event":"minigame_deliver_goods","MiniGame":{"OrderId":"一"}}'
        query, body = pushed("o", mode="secure", aes_key=AES_KEY, message=gift)
        self.assertEqual(client.open_event(query, body).decode(), gift)
        self.assertTrue(client.handle_event(query, body).result.not_ours)
        with self.assertRaises(wxsub.SignatureError):
            client.open_event(query.replace("nonce=", "nonce=1"), body)
        ours, with_accept = pushed(self.player(grants=0), mode="secure", aes_key=AES_KEY)
        self.assertIn(b"subscribe_msg_popup_event", client.open_event(ours, with_accept))
        done = client.handle_event(ours, with_accept)
        self.assertEqual((done.result.remaining, done.result.not_ours, done.result.replayed), (1, False, False))

    def test_plain_mode_signs_no_body(self) -> None:
        client = self.client(event={"token": TOKEN})
        openid = self.player(grants=0)
        query, body = pushed(openid)
        self.assertEqual(client.handle_event(query, body).result.remaining, 1)
        done = client.handle_event(*pushed(openid, "reject", create_time=int(time.time()) + 200))
        self.assertEqual((done.reply, done.result.quota), ("success", Quota.UNTOUCHED))
        self.assertIn("another body", self.refused(client, query, body.replace(b"accept", b"reject")))
        self.assertEqual(client.quota(openid, TEMPLATE), 1)
        self.assertIn("event.aes_key", client.check().message)

    def test_what_is_not_wechats_changes_nothing(self) -> None:
        client, secure = self.client(), self.secure_client()
        openid = self.player(grants=0)
        query, body = pushed(openid)
        self.assertIn("event.token", self.refused(client, pushed(openid, token="wrong")[0], body))
        self.assertIn("timestamp", self.refused(client, *pushed(openid, create_time=int(time.time()) - 400)))
        for wrong in ("", "a=b", query.replace("nonce=", "nonce=1"), query.replace("signature=", "signature=0")):
            self.refused(client, wrong, body)
        for unreadable in (b"", b"nonsense", b"<xml>", b"{", b"\0", b"{}" * 600_000, body[:-20]):
            self.refused(client, query, unreadable)
        self.assertIn("aes_key", self.refused(client, *pushed(openid, mode="secure", aes_key=AES_KEY)))
        self.assertIn("aes_key", self.refused(secure, query, body))
        for other in ({"appid": "wx9999999999999999"}, {"aes_key": "0" * 43}):
            self.refused(secure, *pushed(openid, mode="secure", **{"aes_key": AES_KEY, **other}))
        query, body = pushed(openid, mode="secure", aes_key=AES_KEY)
        self.refused(secure, query, pushed(openid, mode="secure", aes_key=AES_KEY)[1])
        self.assertEqual((client.quota(openid, TEMPLATE), secure.quota(openid, TEMPLATE)), (0, 0))

    def test_a_wrong_call(self) -> None:
        client = self.client()
        query, body = pushed(self.player(grants=0))
        for wrong in (None, query + "\0", query.encode() + b"\0", "\ud800", b"\xff"):
            for call in (client.handle_event, client.open_event):
                with self.assertRaises(wxsub.InvalidArgument):
                    call(wrong, body)  # type: ignore[arg-type]
        for no_bytes in (body.decode(), bytearray(body), None):
            with self.assertRaises(TypeError):
                client.handle_event(query, no_bytes)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            client.handle_event(1, body)  # type: ignore[arg-type]
        with self.assertRaises(wxsub.ConfigError):
            super().client().handle_event(query, body)
        with self.assertRaises(wxsub.ConfigError):
            super().client().open_event(query, body)


if __name__ == "__main__":
    unittest.main()
