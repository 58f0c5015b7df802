"""What operators ask."""

from __future__ import annotations

import os
import tempfile
import unittest
from datetime import datetime, timedelta, timezone

import support
import wxsub


class Admin(support.Case):
    def test_an_operator_asks(self) -> None:
        with self.offline() as client:
            for n in range(5):
                client.report(f"o{n}", "T", wxsub.Answer.ACCEPT)
            self.assertEqual(sorted(row["openid"] for row in client.players("T")), [f"o{n}" for n in range(5)])
            self.assertEqual(list(client.players("T", min=2)), [])
            self.assertEqual(client.player("o1")["counts"], {"T": 1})
            self.assertEqual(list(client.waiting_messages()), [])
            self.assertEqual(len(list(client.export())), 5)
            self.assertIn('wxsub_reports_total{answer="accept"} 5', client.metrics())
            self.assertEqual(client.admin({"do": "stats"})["reports"], 5)
            with self.assertRaisesRegex(wxsub.InvalidArgument, "did you mean players"):
                client.admin({"do": "playrs"})

    def test_a_ledger_moves_and_is_kept(self) -> None:
        with self.offline(store=self.store) as client, tempfile.TemporaryDirectory() as folder:
            rows = [{"openid": "o1", "template_id": "T", "count": 3}, {"openid": "", "template_id": "T", "count": 1}]
            for _ in range(2):
                reply = client.import_players(rows, "add", key="once")
                self.assertEqual((reply["imported"], reply["refused"][0]["row"]), (1, 1))
            self.assertEqual(client.quota("o1", "T"), 3)
            path = os.path.join(folder, "backup.db")
            self.assertEqual(client.backup(path), os.path.getsize(path))
            with self.offline(store=os.path.join(folder, "other.db")) as other:
                reply = other.import_records(client.export_records())
                self.assertEqual(reply["refused"], [])
                self.assertEqual(list(other.export()), list(client.export()))

    def test_what_became_of_it_is_told_and_forgotten(self) -> None:
        with self.offline(store=self.store) as client:
            for openid in ("o1", "o2"):
                client.report(openid, "T", wxsub.Answer.ACCEPT)
            client.report("o1", "T", wxsub.Answer.REJECT)
            self.assertEqual([row["answer"] for row in client.history("o1", "T")], ["reject", "accept"])
            self.assertEqual([row["openid"] for row in client.history(what="report")], ["o1", "o2", "o1"])
            self.assertEqual(list(client.history(to_ms=1_600_000_000_000)), [])
            today = datetime.now(timezone(timedelta(hours=8)))
            days = [(today + timedelta(days=n)).strftime("%Y-%m-%d") for n in (-1, 1)]
            rows = list(client.funnel(days[0], days[1], template_id="T"))
            self.assertEqual([sum(row[name] for row in rows) for name in ("accepted", "rejected")], [2, 1])
            self.assertEqual(client.opened("o1")["counted"], False)
            client.mute("o2", 4_000_000_000_000)
            self.assertEqual(client.player("o2")["muted_until_ms"], 4_000_000_000_000)
            client.mute("o2", None)
            self.assertIsNone(client.player("o2")["muted_until_ms"])
            self.assertEqual(client.forget("o1")["players"], 1)
            self.assertEqual(list(client.history("o1")), [])
            self.assertIn("bytes_after", client.compact())
            self.assertEqual([row["do"] for row in client.audit()], ["compact", "forget", "mute", "mute"])


if __name__ == "__main__":
    unittest.main()
