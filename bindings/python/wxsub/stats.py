"""What a client has done, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ._native import RawStats


@dataclass(frozen=True)
class Stats:
    """What a client has done since it was opened, and what waits now (``wxsub_stats``). Messages are counted once, by
    their final verdict."""

    #: Messages that WeChat took.
    sent: int
    #: Messages that ended as :attr:`Status.REFUSED`.
    refused: int
    #: As :attr:`Status.NO_QUOTA`.
    no_quota: int
    #: As :attr:`Status.MESSAGE`.
    bad_message: int
    #: As :attr:`Status.BUSY`.
    busy: int
    #: As :attr:`Status.AUTH`.
    auth: int
    #: As :attr:`Status.BANNED`.
    banned: int
    #: As :attr:`Status.WECHAT`.
    wechat: int
    #: As :attr:`Status.CONNECT`.
    connect: int
    #: As :attr:`Status.UNKNOWN`: maybe sent.
    unknown: int
    #: As :attr:`Status.CANCELLED`.
    cancelled: int
    #: As :attr:`Status.EXPIRED`.
    expired: int
    #: As :attr:`Status.STORE`.
    store: int
    #: In any other way.
    other: int
    #: Calls that were answered as an earlier one with their key; not counted above.
    replayed: int
    #: Answers of players that were reported.
    reports: int
    #: Requests for an access token.
    token_calls: int
    #: Now: submitted messages and reports that wait in this process.
    queued: int
    #: Now: calls that run, and what the library's threads work on.
    running: int
    #: Now: results that wait to be polled.
    results: int
    #: Outcomes that were not kept, since nobody polled.
    lost_results: int
    #: Now: messages in the store, of all processes.
    outbox_waiting: int
    #: Now: those of them that are due and not yet taken up; at most 100000 are counted.
    outbox_due: int
    #: Now: milliseconds since the oldest of those was due.
    outbox_oldest_due_ms: int
    #: Messages that ended as :attr:`Status.SKIPPED`.
    skipped: int


def stats_from_raw(raw: RawStats) -> Stats:
    """The library's struct as :class:`Stats`, which shares no memory with it."""
    return Stats(**{field.name: getattr(raw, field.name) for field in fields(Stats)})
