"""What operators ask a client, by name: each is a request of ``wxsub_admin`` (``wxsub.h`` has them all)."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Literal, Mapping, Optional

#: How an imported count meets the one that is there: it takes its place, comes on top, or the higher one stays.
ImportMode = Literal["set", "add", "max"]

#: How many rows :meth:`Operator.import_players` takes at once.
MAX_ROWS = 1000

Row = Dict[str, Any]


class Operator:
    """The requests of an operator. Lists come page by page, so that a ledger of any size takes little memory."""

    def admin(self, request: Mapping[str, Any]) -> Dict[str, Any]:
        """Answers one request."""
        raise NotImplementedError

    def players(self, template_id: Optional[str] = None, min: int = 1) -> Iterator[Row]:
        """Players whose count is at least ``min``: openid, template_id, count."""
        return self._pages("players", {"do": "players", "template_id": template_id, "min": min})

    def player(self, openid: str) -> Row:
        """All that is known of one player; of one who is not known zeros."""
        return self.admin({"do": "player", "openid": openid})

    def waiting_messages(self, openid: Optional[str] = None) -> Iterator[Row]:
        """Stored messages that wait or are being sent, of all players or of one."""
        return self._pages("messages", {"do": "outbox", "openid": openid})

    def export(self) -> Iterator[Row]:
        """Every count, those of 0 too: openid, template_id, count."""
        return self._pages("players", {"do": "export"})

    def export_records(self) -> Iterator[Row]:
        """Everything but the token, for :meth:`import_records` of another ledger."""
        return self._pages("records", {"do": "export", "full": True})

    def import_players(self, rows: Iterable[Mapping[str, Any]], mode: ImportMode, key: Optional[str] = None) -> Row:
        """Takes counts over: rows of openid, template_id, count, at most 1000.

        :param key: the same one within 24 hours changes nothing and answers the same. Give one: a call that fails may have
            taken some rows.
        :returns: ``imported``, and ``refused``: the rows that were wrong, and why.
        """
        return self.admin({"do": "import", "players": [dict(row) for row in rows], "mode": mode, "key": key})

    def import_records(self, rows: Iterable[Mapping[str, Any]], key: Optional[str] = None) -> Row:
        """Takes records of another ledger over, at most 1000; each replaces what is there."""
        return self.admin({"do": "import", "records": [dict(row) for row in rows], "key": key})

    def backup(self, path: str) -> int:
        """Copies the store's file while it is in use, never over a file that is there; returns its bytes."""
        size: int = self.admin({"do": "backup", "path": path})["bytes"]
        return size

    def history(
        self,
        openid: Optional[str] = None,
        template_id: Optional[str] = None,
        status: Optional[str] = None,
        what: Optional[str] = None,
        from_ms: Optional[int] = None,
        to_ms: Optional[int] = None,
    ) -> Iterator[Row]:
        """What became of answers and messages, the newest first.

        :param status: the name of a status, ``WXSUB_E_REFUSED``.
        :param what: ``report``, ``event``, ``send`` and more: ``wxsub.h`` has them all.
        :param to_ms: Unix milliseconds, exclusive.
        """
        about = {"openid": openid, "template_id": template_id, "status": status, "what": what}
        return self._pages("history", {"do": "history", **about, "from_ms": from_ms, "to_ms": to_ms})

    def audit(self) -> Iterator[Row]:
        """What operators did, the newest first, without openids."""
        return self._pages("audit", {"do": "audit"})

    def funnel(self, first: str, last: str, template_id: Optional[str] = None) -> Iterator[Row]:
        """The numbers of each day and template from ``first`` to ``last``, both inclusive: days like ``2026-11-29``."""
        return self._pages("funnel", {"do": "funnel", "from": first, "to": last, "template_id": template_id})

    def opened(self, openid: str, scene: Optional[int] = None) -> Row:
        """The player came in by a message card, which counts for the last message of three days.

        :returns: ``counted``, and ``template_id`` of that message.
        """
        return self.admin({"do": "opened", "openid": openid, "scene": scene})

    def mute(self, openid: str, until_ms: Optional[int]) -> None:
        """Campaigns and what the rules bind pass over the player until then, in Unix milliseconds; None: not any more."""
        self.admin({"do": "mute", "openid": openid, "until_ms": until_ms})

    def forget(self, openid: str) -> Row:
        """From now on nothing shows the player; returns how many players, keys, messages and entries of history went."""
        forgotten: Row = self.admin({"do": "forget", "openid": openid})["forgotten"]
        return forgotten

    def compact(self) -> Row:
        """Leaves no byte of what was forgotten in the file. Writes wait meanwhile; it may take minutes.

        :returns: ``bytes_before`` and ``bytes_after``, or a ``note`` where there is no file.
        """
        return self.admin({"do": "compact"})

    def metrics(self) -> str:
        """The numbers of this client in Prometheus' text format, for an endpoint of yours."""
        text: str = self.admin({"do": "metrics"})["metrics"]
        return text

    def _pages(self, name: str, request: Dict[str, Any]) -> Iterator[Row]:
        after: Optional[str] = None
        while True:
            page = self.admin({**request, "after": after, "limit": MAX_ROWS})
            rows: List[Row] = page[name]
            yield from rows
            after = page["next"]
            if after is None:
                return
