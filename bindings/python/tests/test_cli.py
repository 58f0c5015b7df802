"""The command line of operators: what it prints, how it ends, and what it never shows."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import unittest
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional

import support
import wxsub
from support import TEMPLATE, Case, SimCase, message, sim

#: A secret that nothing else contains.
CANARY = "canary-" + uuid.uuid4().hex


def environment(**more: str) -> Dict[str, str]:
    """Nothing of the tests' own configuration, and no trouble with a console's encoding."""
    kept = ("WXSUB_LIBRARY",)
    env = {name: value for name, value in support.child_env().items() if not name.startswith("WXSUB_") or name in kept}
    return {**env, "PYTHONIOENCODING": "utf-8", **more}


def run(*arguments: str, stdin: Optional[str] = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """``python -m wxsub``, in a folder of no importance; ``more`` are variables of its environment."""
    return subprocess.run(
        [sys.executable, "-m", "wxsub", *arguments],
        env=environment(**more),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


class Offline(Case):
    """What needs no network."""

    def file(self, name: str, content: Any, mode: int = 0o600) -> str:
        """A file beside the store."""
        path = Path(self.store).parent / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        path.chmod(mode)
        return str(path)

    def refused(self, *arguments: str, says: str, code: int = 2, **more: str) -> str:
        """It ends with that code, says why on stderr, in one line, and shows no secret."""
        done = run(*arguments, **more)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        self.assertRegex(done.stderr, says)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertNotIn(CANARY, done.stderr)
        return done.stderr

    def test_version(self) -> None:
        done = run("version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^wxsub \d\S+, library \d\S+ \(sqlite .*\), ABI \d+\n.*wxsub")
        told = json.loads(run("version", "--json").stdout)
        self.assertEqual((told["package"], told["library"]), (wxsub.__version__, wxsub.version()))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no device that is always full")
    def test_an_answer_that_cannot_be_written_is_no_success(self) -> None:
        with open("/dev/full", "w", encoding="utf-8") as full:
            command = [sys.executable, "-m", "wxsub", "version"]
            done = subprocess.run(command, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 62)
        self.assertEqual(done.stderr, "wxsub: the answer could not be written: No space left on device\n")

    def test_help_names_every_command_and_takes_no_secret(self) -> None:
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for command in ("version", "check", "quota", "send", "lookup", "cancel"):
            self.assertIn(f"\n    {command} ", done.stdout)
            self.assertEqual(run(command, "--help").returncode, 0)
        self.assertNotIn("--secret", done.stdout)

    def test_a_secret_on_the_command_line_is_refused_and_not_repeated(self) -> None:
        given: List[List[str]] = [["--secret", CANARY], [f"--secret={CANARY}"], ["--Secret", CANARY]]
        given += [["--access-token", CANARY], [f"--token={CANARY}"]]
        for arguments in given:
            self.refused("check", *arguments, says="not taken from the command line")
        self.refused("check", "--config", json.dumps({"secret": CANARY}), says="takes a file")
        self.refused("check", f"--sekret={CANARY}", says="unknown: --sekret")
        self.refused("check", CANARY, says="1 arguments too many")

    def test_a_wrong_command_line_is_a_configuration_error(self) -> None:
        self.refused(says="COMMAND")
        self.refused("quota", "o-alice", says="template_id")
        done = run("--json", "quota", "o-alice")
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertEqual(json.loads(done.stdout)["status"], "WXSUB_E_CONFIG")

    def test_what_is_missing_is_named(self) -> None:
        self.refused("check", says="no appid: .*WXSUB_APPID")
        self.refused("check", says="no secret: .*WXSUB_SECRET", WXSUB_APPID="wx1")
        self.refused("check", says="no store: .*--store", WXSUB_APPID="wx1", WXSUB_SECRET=CANARY)
        gone = str(Path(self.store).with_name("typo.db"))
        account = {"WXSUB_APPID": "wx1", "WXSUB_SECRET": CANARY}
        self.refused("quota", "o", "t", "--store", gone, says="no store at .*typo.db", **account)
        self.assertFalse(os.path.exists(gone))

    def test_a_bad_configuration_file_is_told_without_its_values(self) -> None:
        store = {"store": ":memory:"}
        self.refused("check", "--config", "/nowhere/wxsub.json", says="/nowhere/wxsub.json: No such file")
        bad = self.file("bad.json", '{"appid": "wx1", "secret": "' + CANARY + '",}')
        self.refused("check", "--config", bad, says="bad.json: not JSON: .*line 1")
        self.refused("check", "--config", self.file("list.json", "[]"), says="not a JSON object")
        typo = self.file("typo.json", {"appid": "wx1", "secret": CANARY, "secrte": CANARY, **store})
        self.refused("check", "--config", typo, says="secrte")
        number = self.file("number.json", {"appid": "wx1", "secret": CANARY, "timeout_ms": CANARY, **store})
        self.refused("check", "--config", number, says="timeout_ms")

    def test_the_environment_wins_over_the_file_and_options_over_both(self) -> None:
        config = self.file("wxsub.json", {"appid": "wxfile", "secret": "s", "store": "/nowhere/file.db"})
        self.assertIn("file.db", self.refused("check", "--config", config, says="no store at"))
        self.refused("check", says="no store at .*file.db", WXSUB_CONFIG=config)
        text = '{"appid": "a", "secret": "s", "store": "/nowhere/text.db"}'
        self.refused("check", says="no store at .*text.db", WXSUB_CONFIG=text)
        both = {"WXSUB_CONFIG": config, "WXSUB_STORE": "/nowhere/env.db"}
        self.refused("check", says="no store at .*env.db", **both)
        self.refused("check", "--store", "/nowhere/option.db", says="no store at .*option.db", **both)

    @unittest.skipUnless(os.name == "posix", "no modes")
    def test_a_secret_that_others_can_read_is_warned_of(self) -> None:
        settings = {"appid": "wx1", "secret": CANARY, "store": ":memory:"}
        for mode, warned in ((0o644, True), (0o640, True), (0o600, False)):
            config = self.file("wxsub.json", settings, mode)
            done = run("quota", "o-alice", TEMPLATE, "--config", config)
            self.assertEqual((done.returncode, done.stdout), (0, "0\n"), done.stderr)
            self.assertEqual("chmod 600" in done.stderr, warned, oct(mode))
            self.assertNotIn(CANARY, done.stderr)

    def test_a_new_store_only_when_asked_for(self) -> None:
        given = ["quota", "o-alice", TEMPLATE, "--store", self.store]
        account = {"WXSUB_APPID": "wx1", "WXSUB_SECRET": "s"}
        self.refused(*given, says="--create", **account)
        self.assertEqual(run(*given, "--create", **account).stdout, "0\n")
        self.assertEqual(run(*given, **account).stdout, "0\n")
        if os.name == "posix":
            self.assertEqual(stat.S_IMODE(os.stat(self.store).st_mode), 0o600)

    def test_a_store_that_is_none_is_left_alone(self) -> None:
        other = self.file("other.db", "not a store at all, but a text of some length" * 20)
        account = {"WXSUB_APPID": "wx1", "WXSUB_SECRET": CANARY}
        self.refused("quota", "o", "t", "--store", other, says="WXSUB_E_STORE", code=60, **account)

    def test_send_says_what_is_wrong_with_its_message(self) -> None:
        account = {"WXSUB_APPID": "wx1", "WXSUB_SECRET": CANARY, "WXSUB_STORE": ":memory:"}
        self.refused("send", says="MESSAGE, or --openid", **account)
        self.refused("send", "a.json", "--openid", "o", says="at once", **account)
        self.refused("send", "--openid", "o", "--template-id", "t", "--data", "thing1", says="KEYWORD=VALUE", **account)
        self.refused("send", "/nowhere/message.json", says="No such file", code=1, **account)
        self.refused("send", self.file("bad.json", "{"), says="WXSUB_E_", code=1, **account)


class CommandLine(SimCase):
    """Against the simulator."""

    def setUp(self) -> None:
        super().setUp()
        self.account = {"WXSUB_APPID": support.APPID, "WXSUB_SECRET": support.SECRET, "WXSUB_API_BASE": support.SIM}
        self.account["WXSUB_STORE"] = self.store

    def run_here(self, *arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        done = run(*arguments, **{**self.account, **more})
        for secret in (support.SECRET, CANARY):
            self.assertNotIn(secret, done.stdout + done.stderr)
        return done

    def test_check(self) -> None:
        self.client()
        done = self.run_here("check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^store: writable\nnetwork: reached\ncredentials: right\n")
        done = self.run_here("check", WXSUB_SECRET=CANARY)
        self.assertEqual((done.returncode, done.stdout), (24, ""))
        self.assertRegex(done.stderr, 'WXSUB_E_AUTH: .*"secret"')
        done = self.run_here("check", "--json", WXSUB_SECRET=CANARY)
        self.assertEqual((done.returncode, done.stderr), (24, ""))
        told = json.loads(done.stdout)
        self.assertEqual((told["status"], told["code"]), ("WXSUB_E_AUTH", 24))
        done = self.run_here("check", "--api-base", "http://127.0.0.1:1")
        self.assertEqual(done.returncode, 40, done.stderr)

    def test_the_log_on_stderr_holds_no_secret(self) -> None:
        self.client()
        done = self.run_here("check", "-vv")
        self.assertEqual(done.returncode, 0)
        self.assertIn("[INFO] ", done.stderr)
        token = sim("token")["stable"]
        self.assertTrue(token)
        self.assertNotIn(token, done.stderr)

    def test_count_send_and_count_beside_a_running_server(self) -> None:
        server = self.client()
        openid = self.player(server, grants=2)
        self.assertEqual(self.run_here("quota", openid, TEMPLATE).stdout, "2\n")
        words = ["--data", "thing1=体力已满", "--data", "time2=15:01"]
        done = self.run_here("send", "--openid", openid, "--template-id", TEMPLATE, *words, "--key", "k1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^sent: msgid \d+; the player allows 1 more\n$")
        self.assertEqual(server.quota(openid, TEMPLATE), 1)

        done = self.run_here("send", "-", "--key", "k1", stdin=json.dumps(message(openid)))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "^sent before, by this key: msgid ")
        self.assertEqual(len(self.delivered(openid)), 1)
        self.assertRegex(self.run_here("lookup", openid, "k1").stdout, r"^sent: msgid \d+$")
        self.assertEqual(json.loads(self.run_here("lookup", openid, "k1", "--json").stdout)["status"], "WXSUB_OK")

        file = Path(self.store).with_name("message.json")
        file.write_text(json.dumps(message(openid)), encoding="utf-8")
        told = json.loads(self.run_here("send", str(file), "--json").stdout)
        self.assertEqual((told["status"], told["remaining"], told["quota"]), ("WXSUB_OK", 0, "spent"))
        told = json.loads(self.run_here("quota", openid, TEMPLATE, "--json").stdout)
        self.assertEqual(told, {"openid": openid, "template_id": TEMPLATE, "remaining": 0})

    def test_the_exit_code_is_the_verdict(self) -> None:
        server = self.client()
        words = ["--template-id", TEMPLATE, "--data", "thing1=体力已满", "--data", "time2=15:01"]

        def ends(code: int, says: str, openid: str, *more: str) -> None:
            done = self.run_here("send", "--openid", openid, *words, *more)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertRegex(done.stderr, f"^wxsub: {says}: ")

        ends(20, "WXSUB_E_NO_QUOTA", self.player())
        unwilling = self.player(grants=0)
        server.report(unwilling, TEMPLATE, wxsub.Answer.ACCEPT)
        ends(21, "WXSUB_E_REFUSED", unwilling)
        ends(3, "WXSUB_E_MESSAGE", self.player(server), "--data", "time2=noon")
        lost = self.player(server)
        self.trouble(lost, "close", applied=True)
        ends(41, "WXSUB_E_UNKNOWN", lost, "--key", "k1")
        ends(41, "WXSUB_E_UNKNOWN", lost, "--key", "k1")
        self.assertEqual(len(self.delivered(lost)), 1)
        done = self.run_here("lookup", lost, "k1")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, "^WXSUB_E_UNKNOWN: ")
        done = self.run_here("lookup", lost, "k2")
        self.assertEqual((done.returncode, done.stdout), (44, ""))

    def test_what_waits_is_looked_up_and_taken_back(self) -> None:
        server = self.client()
        openid = self.player(server)
        later = int((time.time() + 3600) * 1000)
        server.submit(message(openid), key="later", deliver_at=later)
        self.assertTrue(server.poll(1, 5.0)[0].stored)
        self.assertRegex(self.run_here("lookup", openid, "later").stdout, r"^waits: for \d{4}-\d\d-\d\d ")
        self.assertEqual(self.run_here("cancel", openid, "later").stdout, "taken back\n")
        done = self.run_here("cancel", openid, "later")
        self.assertEqual((done.returncode, done.stdout), (44, ""))
        self.assertEqual(self.delivered(openid), [])

    def test_what_a_dead_server_left_behind_is_not_broken_off(self) -> None:
        openid = self.player()
        source = f"""
            client = wxsub.Client(settings)
            client.report({openid!r}, {TEMPLATE!r}, wxsub.Answer.ACCEPT)
            client.submit({message(openid)!r}, key="left", deliver_at=int((time.time() + 1) * 1000))
            assert client.poll(1, 5.0)[0].stored
            os._exit(0)
        """
        done = support.run_python(source, **support.settings(self.store))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        time.sleep(1.2)
        notes = ""
        for _ in range(40):
            done = self.run_here("quota", openid, TEMPLATE)
            self.assertEqual(done.returncode, 0, done.stderr)
            notes += done.stderr
            if self.delivered(openid):
                break
            time.sleep(0.5)
        self.assertEqual(len(self.delivered(openid)), 1)
        self.assertEqual(notes, "wxsub: a message that waited in the store, key left: sent\n")
        self.assertRegex(self.run_here("lookup", openid, "left").stdout, "^sent: ")

    @unittest.skipUnless(os.name == "posix", "sends SIGINT")
    def test_ctrl_c_says_that_it_may_still_be_sent(self) -> None:
        openid = self.player(self.client())
        self.trouble(openid, "stall")
        words = ["--template-id", TEMPLATE, "--data", "thing1=体力已满", "--data", "time2=15:01"]
        sending = subprocess.Popen(
            [sys.executable, "-m", "wxsub", "send", "--openid", openid, *words, "--timeout", "20"],
            env=environment(**self.account),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.addCleanup(sending.kill)
        ends = time.monotonic() + 20
        while not sim("requests", openid=openid) and time.monotonic() < ends:
            time.sleep(0.05)
        sending.send_signal(signal.SIGINT)
        said, why = sending.communicate(timeout=15)
        self.assertEqual((sending.returncode, said), (130, ""))
        self.assertEqual(why, "wxsub: interrupted; a message that was being sent may still be sent\n")

    def test_a_token_from_outside(self) -> None:
        self.client()
        config = Path(self.store).with_name("wxsub.json")
        config.write_text(json.dumps({"appid": support.APPID, "token": "external", "api_base": support.SIM}))
        account = {"WXSUB_CONFIG": str(config), "WXSUB_STORE": ":memory:"}
        done = run("check", **account)
        self.assertEqual(done.returncode, 24, done.stdout + done.stderr)
        done = run("check", **account, WXSUB_ACCESS_TOKEN=CANARY)
        self.assertEqual(done.returncode, 24, done.stdout + done.stderr)
        self.assertNotIn(CANARY, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
