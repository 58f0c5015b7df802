"""The client against the simulator: what works, what is turned down, what is wrong."""

from __future__ import annotations

import json
import time
import types
import unittest
from pathlib import Path

import support
import wxsub
from support import TEMPLATE, message, sim
from wxsub import Answer, Quota, Retry, Status


class HappyPath(support.SimCase):
    def test_accept_count_send_and_turned_down(self) -> None:
        with wxsub.Client(support.settings(self.store)) as client:
            openid = self.player()
            self.assertEqual(client.quota(openid, TEMPLATE), 0)
            accepted = client.report(openid, TEMPLATE, Answer.ACCEPT)
            self.assertEqual((accepted.remaining, accepted.quota), (1, Quota.GRANTED))
            self.assertEqual(client.quota(openid, TEMPLATE), 1)

            sent = client.send(message(openid), tag=2**64 - 1)
            self.assertTrue(sent.ok)
            self.assertEqual((sent.remaining, sent.quota, sent.tag, sent.attempts), (0, Quota.SPENT, 2**64 - 1, 1))
            self.assertEqual((sent.http_status, sent.errcode, sent.template_id), (200, 0, TEMPLATE))
            self.assertGreater(sent.msgid, 2**60)

            self.assertEqual(client.quota(openid, TEMPLATE), 0)
            with self.assertRaises(wxsub.NoQuota) as caught:
                client.send(message(openid))
            self.assertIsInstance(caught.exception, wxsub.NotAllowed)
            self.assertEqual((caught.exception.status, caught.exception.result.attempts), (Status.NO_QUOTA, 0))
            self.assertTrue(str(caught.exception))
            self.assertEqual(client.try_send(message(openid)).status, Status.NO_QUOTA)
            self.assertEqual([d["msgid"] for d in self.delivered(openid)], [sent.msgid])
        self.assertTrue(client.closed)
        with wxsub.Client(support.settings(self.store)) as again:
            self.assertEqual(again.quota(openid, TEMPLATE), 0)

    def test_a_plan_says_what_to_ask_for(self) -> None:
        client = self.client()
        openid = self.player(client)
        client.report(openid, "refused", Answer.REJECT)
        plan = client.ask(openid, ["new", {"id": TEMPLATE, "keep": 1}, "refused", "键\""], most=1)
        self.assertEqual(plan["ask"], ["new"])
        self.assertEqual(plan["counts"], {"new": 0, TEMPLATE: 1, "refused": 0, "键\"": 0})
        self.assertEqual(plan["why"], {"new": "ask", TEMPLATE: "stocked", "refused": "refused", "键\"": "ask"})
        self.assertEqual(client.ask(openid, [TEMPLATE])["ask"], [TEMPLATE])
        for wrong in ([], [{"id": "T", "kep": 1}], ["T", "T"], ["T\n"]):
            with self.assertRaises(wxsub.InvalidArgument):
                client.ask(openid, wrong)

    def test_unicode_arrives_as_it_left(self) -> None:
        client = self.client()
        for thing in ('说"你好"\\ \'', "体力已满\U0001f600", "a/b<>&é", "\u200dx"):
            openid = self.player(client)
            client.send(message(openid, thing), key="键 \U0001f511 \"'")
            self.assertEqual(self.delivered(openid)[0]["data"]["thing1"]["value"], thing)

    def test_messages_as_text_and_as_any_mapping(self) -> None:
        client = self.client()
        openid = self.player(client, 2)
        client.send(json.dumps(message(openid)))
        data = types.MappingProxyType({"thing1": "体力已满", "time2": {"value": "15:01"}})
        client.send(types.MappingProxyType({**message(openid), "data": data}))
        self.assertEqual(len(self.delivered(openid)), 2)

    def test_a_key_sends_once(self) -> None:
        client = self.client()
        openid = self.player(client, 2)
        first = client.send(message(openid), key="order-1")
        again = client.send(message(openid), key="order-1")
        self.assertFalse(first.replayed)
        self.assertTrue(again.replayed)
        self.assertEqual((again.msgid, again.key), (first.msgid, "order-1"))
        self.assertEqual(client.quota(openid, TEMPLATE), 1)
        with self.assertRaises(wxsub.InvalidArgument):
            other = {"template_id": "sim-activity", "data": {"thing1": "x", "date2": "2026-10-01", "number3": 5}}
            client.send({**message(openid), **other}, key="order-1")

    def test_settings_as_mapping_keywords_and_text(self) -> None:
        config = support.settings(self.store)
        for client in (
            wxsub.Client(config, timeout_ms=1000),
            wxsub.Client(**{**config, "store": Path(self.store)}),
            wxsub.Client(json.dumps(config)),
        ):
            with client:
                openid = self.player(client)
                self.assertTrue(client.send(message(openid)).ok)

    def test_an_external_token(self) -> None:
        with wxsub.Client(support.settings(self.store)) as own:
            own.send(message(self.player(own)))
            with self.assertRaises(wxsub.InvalidArgument):
                own.set_token("T", 7200)
        token = sim("token")["stable"]
        self.store = ":memory:"  # not the one that holds the token already
        client = self.client(token="external")
        openid = self.player(client)
        with self.assertRaises(wxsub.AuthError):
            client.send(message(openid))
        client.set_token(token["token"] if isinstance(token, dict) else token, 7200)
        self.assertTrue(client.send(message(openid)).ok)
        for wrong in (0, -1, 2**32):
            with self.assertRaises(wxsub.InvalidArgument):
                client.set_token("T", wrong)


class Reports(support.Case):
    def test_answers(self) -> None:
        client = self.offline()
        self.assertEqual(client.report("o", "T", Answer.ACCEPT).remaining, 1)
        self.assertEqual(client.report("o", "T", Answer.ACCEPT, key="a").remaining, 2)
        again = client.report("o", "T", Answer.ACCEPT, key="a")
        self.assertTrue(again.replayed)
        self.assertEqual(client.quota("o", "T"), 2)
        self.assertEqual(client.report("o", "T", Answer.BAN).quota, Quota.UNTOUCHED)
        self.assertEqual(client.report("o", "T", Answer.FILTER).remaining, 2)
        cleared = client.report("o", "T", Answer.REJECT)
        self.assertEqual((cleared.remaining, cleared.quota), (0, Quota.CLEARED))
        client.report("o", "T", Answer.ACCEPT)
        client.report("o", "U", 1)
        client.report("o", None, Answer.REJECT)
        self.assertEqual((client.quota("o", "T"), client.quota("o", "U")), (0, 0))

    def test_objects_of_the_game_client(self) -> None:
        client = self.offline()
        results = client.report_json(
            "o", {"errMsg": "requestSubscribeMessage:ok", "T1": "accept", "T2": "reject", "T3": "later", "T4": "ban"}
        )
        self.assertEqual([r.template_id for r in results], ["T1", "T2", "T3", "T4"])
        self.assertEqual([r.status for r in results], [Status.OK, Status.OK, Status.ARG, Status.OK])
        self.assertEqual(client.quota("o", "T1"), 1)
        results = client.report_json("o", '{"errMsg":"ok","SYS_MSG_TYPE_RANK":"accept"}')
        self.assertEqual([(r.template_id, r.remaining) for r in results], [("SYS_MSG_TYPE_RANK", 1)])
        self.assertEqual(client.quota("o", "SYS_MSG_TYPE_RANK"), 1)
        self.assertEqual(client.report_json("o", {"errMsg": "requestSubscribeMessage:fail", "errCode": 10003}), [])
        state = {"subscriptionsSetting": {"mainSwitch": True, "itemSettings": {"T1": "accept", "T5": "reject"}}}
        self.assertEqual([r.template_id for r in client.report_json("o", state)], ["T1", "T5"])
        self.assertEqual(client.quota("o", "T1"), 1)
        off = client.report_json("o", {"mainSwitch": False})
        self.assertEqual([(r.template_id, r.quota) for r in off], [("", Quota.CLEARED)])
        self.assertEqual(client.quota("o", "T1"), 0)

    def test_wechats_own_words_are_answers(self) -> None:
        client = self.offline()
        self.assertEqual(client.report("o", "T", "accept").remaining, 1)
        self.assertEqual(client.report("o", "T", "acceptWithAudio").remaining, 2)
        self.assertEqual(client.report("o", "T", "ban").remaining, 2)
        self.assertEqual(client.report("o", "T", "reject").quota, Quota.CLEARED)
        self.assertGreater(client.submit_report("o", "T", "accept"), 0)
        for wrong in ("Accept", "", "yes", "REJECT"):
            with self.assertRaisesRegex(wxsub.InvalidArgument, "WeChat's word: accept, reject, ban, filter"):
                client.report("o", "T", wrong)

    def test_no_result_is_lost_however_many_there_are(self) -> None:
        client = self.offline(durability="normal")
        answers = {f"T{n}": "accept" for n in range(64)}
        for obj in (answers, json.dumps(answers)):
            results = client.report_json("o", obj)
            self.assertEqual([r.template_id for r in results], list(answers))
            self.assertTrue(all(r.ok for r in results))
        self.assertEqual(client.quota("o", "T63"), 2)
        with self.assertRaisesRegex(wxsub.InvalidArgument, "at most 64"):
            client.report_json("o", {**answers, "T64": "accept"})
        self.assertEqual(client.quota("o", "T0"), 2)

    def test_what_is_no_answer(self) -> None:
        client = self.offline()
        for wrong in ("", "{", "[]", "nonsense", '{"T":"accept"', '{"T":"accept\0"}'):
            with self.assertRaises(wxsub.InvalidArgument, msg=wrong) as caught:
                client.report_json("o", wrong)
            self.assertTrue(str(caught.exception))
        for openid, template, answer in (
            ("", "T", 1),
            ("o", "", 1),
            ("o", None, 1),
            ("o", "T", 0),
            ("o", "T", 9),
            ("o", "T", 2**32 + 1),
            ("o\0x", "T", 1),
            ("o\ud800", "T", 1),
        ):
            with self.assertRaises(wxsub.InvalidArgument, msg=(openid, template, answer)):
                client.report(openid, template, answer)
        self.assertEqual(client.quota("o", "T"), 0)
        with self.assertRaises(TypeError):
            client.report(b"o", "T", Answer.ACCEPT)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "answer must be int"):
            client.report("o", "T", None)  # type: ignore[arg-type]
        with self.assertRaises(wxsub.InvalidArgument):
            client.report(None, "T", Answer.ACCEPT)  # type: ignore[arg-type]


class Verdicts(support.SimCase):
    def test_refused(self) -> None:
        client = self.client()
        openid = self.player(client)
        sim("refuse", {"openid": openid, "template_id": TEMPLATE})
        with self.assertRaises(wxsub.Refused) as caught:
            client.send(message(openid))
        result = caught.exception.result
        self.assertEqual((result.errcode, result.quota, result.remaining), (43101, Quota.CLEARED, 0))
        self.assertIs(result.retry, Retry.NEVER)

    def test_a_wrong_message(self) -> None:
        client = self.client()
        openid = self.player(client)
        with self.assertRaisesRegex(wxsub.MessageError, "thing1"):
            client.send(message(openid, "字" * 21))
        self.trouble(openid, "errcode", errcode=47003, errmsg="argument invalid! data.thing1.value invalid")
        with self.assertRaisesRegex(wxsub.MessageError, "thing1") as caught:
            client.send(message(openid))
        self.assertEqual(caught.exception.result.errcode, 47003)
        self.assertEqual(client.quota(openid, TEMPLATE), 1)

    def test_busy(self) -> None:
        client = self.client(timeout_ms=1500)
        openid = self.player(client)
        self.trouble(openid, "errcode", errcode=45009)
        with self.assertRaises(wxsub.Busy) as caught:
            client.send(message(openid))
        self.assertIs(caught.exception.result.retry, Retry.LATER)
        self.assertIs(caught.exception.result.quota, Quota.RETURNED)
        self.assertGreater(caught.exception.retry_after, 0)

    def test_banned_and_anything_else(self) -> None:
        client = self.client()
        openid = self.player(client)
        self.trouble(openid, "errcode", errcode=50002)
        with self.assertRaises(wxsub.WeChatError) as caught:
            client.send(message(openid))
        self.assertEqual(caught.exception.result.errcode, 50002)
        self.trouble(openid, "errcode", errcode=43107)
        with self.assertRaises(wxsub.Banned):
            client.send(message(openid))

    def test_a_wrong_account(self) -> None:
        client = self.client(secret="wrong-" + support.SECRET)
        openid = self.player(client)
        with self.assertRaises(wxsub.AuthError) as caught:
            client.send(message(openid))
        self.assertIn("secret", str(caught.exception))
        self.assertNotIn(support.SECRET, str(caught.exception))
        self.assertEqual(client.quota(openid, TEMPLATE), 1)

    def test_unreachable(self) -> None:
        client = self.client(api_base="http://127.0.0.1:1", timeout_ms=1000)
        openid = self.player(client)
        with self.assertRaises(wxsub.ConnectError) as caught:
            client.send(message(openid))
        self.assertIs(caught.exception.result.retry, Retry.LATER)
        self.assertEqual(client.quota(openid, TEMPLATE), 1)

    def test_maybe_sent_and_the_timeout(self) -> None:
        client = self.client()
        client.send(message(self.player(client)))
        openid = self.player(client)
        self.trouble(openid, "stall")
        began = time.monotonic()
        with self.assertRaises(wxsub.MaybeSent) as caught:
            client.send(message(openid), timeout=0.4)
        self.assertLess(abs(time.monotonic() - began - 0.4), 0.35)
        self.assertIs(caught.exception.result.retry, Retry.UNSAFE)
        self.assertEqual(client.quota(openid, TEMPLATE), 1)

    def test_a_garbage_answer(self) -> None:
        client = self.client()
        openid = self.player(client)
        self.trouble(openid, "garbage", text="<html>")
        with self.assertRaises(wxsub.MaybeSent):
            client.send(message(openid))

    def test_what_is_no_message(self) -> None:
        client = self.client()
        openid = self.player(client)
        for wrong in ("", "{", "[]", '{"touser":"o"', message(openid + "\ud800")):
            with self.assertRaises((wxsub.InvalidArgument, wxsub.MessageError), msg=wrong):
                client.send(wrong)
        with self.assertRaises(wxsub.InvalidArgument):
            client.send(json.dumps(message(openid)) + "\0")
        for options in ({"key": "k" * 513}, {"tag": -1}, {"tag": 2**64}, {"timeout": -1.0}):
            with self.assertRaises(wxsub.InvalidArgument, msg=options):
                client.send(message(openid), **options)
        with self.assertRaises(ValueError):
            client.send(message(openid, count=float("nan")))
        with self.assertRaises(TypeError):
            client.send(message(openid, count=object()))
        self.assertEqual(self.delivered(openid), [])
        self.assertEqual(client.quota(openid, TEMPLATE), 1)


class Opening(support.Case):
    def test_every_mistake_in_the_configuration_is_named(self) -> None:
        for wrong, named in (
            ({"apid": "wx"}, "apid"),
            ({"timeout_ms": "fast"}, "timeout_ms"),
            ({"durability": "none"}, "durability"),
            ({"api_base": "http://example.com"}, "api_base"),
        ):
            with self.assertRaisesRegex(wxsub.ConfigError, named):
                wxsub.Client(support.offline_settings(**wrong))
        with self.assertRaisesRegex(wxsub.ConfigError, "appid"):
            wxsub.Client(secret="s", store=":memory:")
        for text in ("", "{", "[]"):
            with self.assertRaises((wxsub.ConfigError, wxsub.InvalidArgument)):
                wxsub.Client(text)
        with self.assertRaises(TypeError):
            wxsub.Client("{}", appid="wx")
        with self.assertRaises(TypeError):
            wxsub.Client(support.offline_settings(store=object()))

    def test_a_foreign_store_is_not_touched(self) -> None:
        Path(self.store).write_bytes(b"my diary, no database\n" * 100)
        with self.assertRaises(wxsub.StoreError) as caught:
            wxsub.Client(support.offline_settings(store=self.store))
        self.assertIn("wxsub.db", str(caught.exception))
        self.assertEqual(Path(self.store).read_bytes(), b"my diary, no database\n" * 100)

    def test_an_impossible_place(self) -> None:
        with self.assertRaises(wxsub.StoreError):
            wxsub.Client(support.offline_settings(store=str(Path(self.store) / "no" / "such" / "folder.db")))

    def test_a_closed_client_says_so(self) -> None:
        client = self.offline()
        self.assertFalse(client.closed)
        self.assertIn("open", repr(client))
        client.close()
        client.close()
        self.assertTrue(client.closed)
        self.assertIn("closed", repr(client))
        calls = (
            lambda: client.report("o", "T", Answer.ACCEPT),
            lambda: client.report_json("o", {"T": "accept"}),
            lambda: client.quota("o", "T"),
            lambda: client.send(message("o")),
            lambda: client.handle_event("signature=x"),
            lambda: client.login("code"),
            lambda: client.set_token("T", 1),
            lambda: client.set_log(print),
            lambda: client.set_log(None),
            lambda: client.submit(message("o")),
            lambda: client.submit_report("o", "T", Answer.ACCEPT),
            lambda: client.poll(wait=60),
            lambda: client.poll_handle(),
            lambda: client.cancel("o", "k"),
            lambda: client.lookup("o", "k"),
            lambda: client.shutdown(),
            lambda: client.stats(),
            lambda: client.set_transport(None),
            lambda: client.set_transport(lambda request: wxsub.HttpReply.not_sent("")),
        )
        for call in calls:
            with self.assertRaises(wxsub.ClosedError) as caught:
                call()
            self.assertTrue(str(caught.exception))
        self.assertIs(client.check().status, Status.STATE)

    def test_many_clients_open_and_close(self) -> None:
        for _ in range(50):
            with wxsub.Client(support.offline_settings()) as client:
                client.report("o", "T", Answer.ACCEPT)
                self.assertEqual(client.quota("o", "T"), 1)


if __name__ == "__main__":
    unittest.main()
