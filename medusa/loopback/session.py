"""One MTProto session: what is remembered between its messages, whichever socket they come through."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from medusa.loopback.clock import Clock
from medusa.loopback.keys import AuthKey

_MAX_ANSWERS = 256
_MAX_ANSWER = 64 << 10
_MAX_IDLE = 64


class Link(Protocol):
    """The way to a client: a connection that encrypts and sends one message."""

    def send(self, session: "Session", body: bytes, *, content: bool, answer: bool) -> int:
        """Send TL bytes; returns the msg_id that they got."""


@dataclass(slots=True, eq=False)
class Session:
    """Sequence numbers, answers that the client has not acknowledged yet, and whether it wants updates.

    https://core.telegram.org/mtproto/description#session
    """

    id: int
    key: AuthKey
    clock: Clock
    link: Link | None = None
    layer: int = 0
    subscribed: bool = False
    """True after a request that shows interest in updates; uploads and downloads alone do not."""
    announced: bool = False
    """True once the client was told that the session is new."""
    muted: bool = False
    """True once ``invokeWithoutUpdates`` was used."""
    answers: OrderedDict[int, tuple[int, bytes]] = field(default_factory=OrderedDict)
    pending: dict[int, "asyncio.Future[None]"] = field(default_factory=dict)
    _sequence: int = 0
    _last_id: int = 0

    @property
    def wants_updates(self) -> bool:
        """True when updates are to be pushed to this session now."""
        return self.link is not None and self.subscribed and not self.muted

    def next_msg_id(self, *, answer: bool) -> int:
        """A msg_id later than all before: 1 modulo 4 for an answer, 3 for anything else."""
        now = int(self.clock.now() * 2**32) & ~3
        self._last_id = max(now, (self._last_id & ~3) + 4) | (1 if answer else 3)
        return self._last_id

    def restart_ids(self) -> None:
        """Number messages by the clock again, which was set back."""
        self._last_id = 0

    def next_seq(self, *, content: bool) -> int:
        """The seqno of a message that must (``content``) or need not be acknowledged."""
        seq = self._sequence * 2 + content
        self._sequence += content
        return seq

    def remember(self, request_id: int, answer_id: int, answer: bytes) -> None:
        """Keep a short answer until it is acknowledged, in case the client sends the same message once more."""
        if len(answer) <= _MAX_ANSWER:
            self.answers[request_id] = (answer_id, answer)
        while len(self.answers) > _MAX_ANSWERS:
            self.answers.popitem(last=False)


class Sessions:
    """All living sessions, by auth key and session id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all: dict[tuple[int, int], Session] = {}

    def open(self, key: AuthKey, identity: int) -> Session:
        """The session with that id, made if it is new."""
        return self._all.setdefault((key.id, identity), Session(identity, key, self._clock))

    def destroy(self, key: AuthKey, identity: int) -> bool:
        """Forget a session; False when there was none."""
        return self._all.pop((key.id, identity), None) is not None

    def detach(self, link: Link) -> None:
        """A connection has ended; its sessions stay for a while, since a client may come back to them."""
        for session in self._all.values():
            if session.link is link:
                session.link = None
        idle = [place for place, session in self._all.items() if session.link is None]
        for place in idle[:-_MAX_IDLE]:
            del self._all[place]

    def of_key(self, key_id: int) -> list[Session]:
        """The sessions under one auth key."""
        return [session for (owner, _), session in self._all.items() if owner == key_id]

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._all.values()))
