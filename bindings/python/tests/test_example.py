"""The example programs do what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest
from typing import Any, Dict, List, Tuple

import support
import wxsub
from support import TEMPLATE, sim

EXAMPLES = support.CHECKOUT / "examples" / "python"


def run(*more: str, secret: str = support.SECRET, name: str = "main.py") -> "subprocess.CompletedProcess[str]":
    """Runs an example."""
    arguments: List[str] = [sys.executable, str(EXAMPLES / name), "--appid", support.APPID, *more]
    env = {**support.child_env(), "GAME_SECRET": secret, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [*arguments, "--secret-env", "GAME_SECRET"],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@unittest.skipUnless(os.path.isdir(EXAMPLES), "not in a checkout: no examples")
class Example(support.SimCase):
    def test_the_whole_path(self) -> None:
        openid = self.player()
        done = run("--api-base", support.SIM, "--openid", openid, "--template-id", TEMPLATE, "--store", self.store)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [line.split(":")[0] for line in done.stdout.splitlines()]
        self.assertEqual(lines, ["accepted", "sent", "count", "turned down"])
        self.assertIn("count 1", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^count: +0$")
        self.assertEqual(len(self.delivered(openid)), 1)

    def test_whether_it_will_work(self) -> None:
        done = run("--api-base", support.SIM, "--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^WXSUB_OK: store: writable; network: reached; credentials: right; templates: ")
        done = run("--api-base", support.SIM, "--check", secret="wrong")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, '^WXSUB_E_AUTH: .*"secret"')

    def test_what_goes_wrong_is_said(self) -> None:
        openid = self.player()
        where = ["--api-base", support.SIM, "--openid", openid, "--template-id", TEMPLATE]
        done = run(*where, secret="wrong")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^WXSUB_E_AUTH: ")
        done = run(*where, secret="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("GAME_SECRET", done.stderr)
        done = run("--openid", openid)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--template-id", done.stderr)


@unittest.skipUnless(os.path.isdir(EXAMPLES), "not in a checkout: no examples")
class ScheduleExample(support.SimCase):
    def test_one_is_cancelled_one_is_replaced_and_the_rest_comes_in_time(self) -> None:
        players = [self.player() for _ in range(4)]
        where = ["--api-base", support.SIM, "--template-id", TEMPLATE, "--store", self.store, "--minutes", "0.1"]
        for openid in players:
            where += ["--openid", openid]
        done = run(*where, name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = [tuple(line.split(",")[0].split()) for line in done.stdout.splitlines()]
        first, second, third, fourth = players
        self.assertEqual(said[:4], [("scheduled:", openid) for openid in players])
        self.assertEqual(said[4:6], [("scheduled:", first), ("cancelled:", second)])
        self.assertEqual(said[6], ("outcome:", first))
        self.assertEqual(set(said[7:9]), {("outcome:", third), ("outcome:", fourth)})
        self.assertIn(f"looked up:   {second}, CANCELLED\n", done.stdout)
        self.assertEqual([len(self.delivered(openid)) for openid in players], [1, 0, 1, 1])
        self.assertRegex(done.stdout, r'(?m)^wxsub_sends_total{status="WXSUB_OK"} 3$')

    def test_whether_it_will_work(self) -> None:
        done = run("--api-base", support.SIM, "--check", "--store", self.store, name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^WXSUB_OK: store: writable; network: reached; credentials: right; templates: ")
        done = run("--api-base", support.SIM, "--check", "--store", self.store, secret="wrong", name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertRegex(done.stdout, '^WXSUB_E_AUTH: ')

    def test_what_goes_wrong_is_said(self) -> None:
        where = ["--api-base", support.SIM, "--template-id", TEMPLATE, "--store", self.store, "--minutes", "0.01"]
        for openid in (self.player(grants=0) for _ in range(3)):
            where += ["--openid", openid]
        done = run(*where, name="schedule.py")
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertIn("WXSUB_E_REFUSED: ", done.stdout)
        # One is taken back, unless a busy machine comes too late.
        self.assertRegex(done.stdout, r'(?m)^wxsub_sends_total{status="WXSUB_E_REFUSED"} [23]$')
        done = run(*where, secret="", name="schedule.py")
        self.assertEqual(done.returncode, 1)
        self.assertIn("GAME_SECRET", done.stderr)
        done = run("--openid", "a", "--openid", "a", "--openid", "a", "--template-id", TEMPLATE, name="schedule.py")
        self.assertEqual(done.returncode, 2)
        self.assertIn("three players", done.stderr)


@unittest.skipUnless(os.path.isdir(EXAMPLES), "not in a checkout: no examples")
class PushExample(support.SimCase):
    """WeChat pushes messages of all kinds to one address; each gets the answer that it wants."""

    TOKEN = "console-token"
    AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"

    def setUp(self) -> None:
        super().setUp()
        command = [sys.executable, str(EXAMPLES / "push.py"), "--appid", support.APPID, "--store", self.store]
        env = {**support.child_env(), "WXSUB_SECRET": support.SECRET, "PYTHONIOENCODING": "utf-8"}
        env.update(WXSUB_EVENT_TOKEN=self.TOKEN, WXSUB_EVENT_AES_KEY=self.AES_KEY)
        server = subprocess.Popen(
            [*command, "--port", "0"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        assert server.stdout
        self.url = server.stdout.readline().strip()
        self.assertRegex(self.url, "^http://127")

    def pushed(self, **push: Any) -> Dict[str, Any]:
        """How WeChat fares with one push: whether it was answered rightly, and each try."""
        secure = {"token": self.TOKEN, "aes_key": self.AES_KEY, "mode": "secure", "url": self.url}
        report: Dict[str, Any] = sim("push", {**secure, **push})["report"]
        return report

    def test_each_kind_gets_its_answer(self) -> None:
        gift = {"OrderId": "7", "ToUserOpenid": "o-gift", "GoodsList": [{"Id": "gem", "Num": 1}]}
        payload = json.dumps({"OutTradeNo": "8", "OpenId": "o-paid"})
        goods: List[Tuple[str, Any, str]] = [
            ("minigame_deliver_goods", gift, '{"ErrCode": 0}'),
            ("minigame_deliver_goods", gift, '{"ErrCode": 0}'),
            ("minigame_game_pay_goods_deliver_notify", {"Payload": payload}, '{"ErrCode": 0}'),
            ("minigame_h5_goods_deliver_notify", {"Payload": payload}, '{"ErrCode": 0}'),
        ]
        for kind, what, answer in goods:
            report = self.pushed(message=json.dumps({"MsgType": "event", "Event": kind, "MiniGame": what}))
            self.assertEqual((report["accepted"], [one["body"] for one in report["tries"]]), (True, [answer]), kind)
        gift_in_xml = (
            "<xml><MsgType>event</MsgType><Event>minigame_deliver_goods</Event><MiniGame><OrderId>9</OrderId>"
            "<ToUserOpenid>o-gift</ToUserOpenid><GoodsList><Id>gem</Id><Num>1</Num></GoodsList></MiniGame></xml>"
        )
        report = self.pushed(message=gift_in_xml)
        self.assertEqual((report["accepted"], report["tries"][0]["body"]), (True, '{"ErrCode": 0}'))
        # Another player's order is not delivered; WeChat tries again.
        stolen = {"MsgType": "event", "Event": "minigame_deliver_goods", "MiniGame": {**gift, "ToUserOpenid": "o2"}}
        report = self.pushed(message=json.dumps(stolen))
        self.assertEqual((report["accepted"], len(report["tries"])), (False, 3))
        self.assertIn("ErrMsg", report["tries"][0]["body"])
        for other in (
            '{"MsgType": "event", "Event": "user_authorization_cancellation", "OpenID": "o-gone"}',
            "<xml><MsgType>text</MsgType><Content>\u5728\u5417</Content></xml>",
            "<xml><MsgType>text</MsgType><Content>&#55357;\x08</Content></xml>",
        ):
            report = self.pushed(message=other)
            self.assertEqual((report["accepted"], report["tries"][0]["body"]), (True, "success"), other)

    def test_subscribe_events_count_and_strangers_are_turned_away(self) -> None:
        openid = self.player(grants=0)
        accept = {"openid": openid, "items": [{"template_id": TEMPLATE, "status": "accept"}]}
        self.assertTrue(self.pushed(**accept)["accepted"])
        with wxsub.Client(appid=support.APPID, secret=support.SECRET, store=self.store) as client:
            self.assertEqual(client.quota(openid, TEMPLATE), 1)
        for forged in ({"token": "wrong"}, {"mode": "plain"}):
            report = self.pushed(**{**accept, **forged})
            self.assertEqual([one["status"] for one in report["tries"]], [403] * 3, forged)


if __name__ == "__main__":
    unittest.main()
