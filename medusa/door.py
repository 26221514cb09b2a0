"""Lets people in to the panel, by a link that works once or by a password, and knows who is in."""

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from medusa.brake import Brake
from medusa.errors import UserError
from medusa.storage.panel import PanelTable, PasswordHash, StoredSession
from medusa.words import span

log = structlog.get_logger()

LINK_FOR = 300.0
"""Seconds for which a link lets in."""
MOST_LINKS = 10
"""Links that are open at once; the oldest gives way."""
IDLE_FOR = 24 * 3600.0
LASTS_FOR = 14 * 24 * 3600.0
"""Seconds after which a session ends that was not used, and any."""
_NOTED_EVERY = 600.0
"""Seconds between two notes that a session is in use, for each is a commit."""
SHORTEST, LONGEST = 10, 200
"""Characters of a password."""
_WINDOW = 900.0
_COST = {"n": 2**14, "r": 8, "p": 1}
"""16 MB of memory, and about 50 ms of a fast processor (https://www.rfc-editor.org/rfc/rfc7914)."""
_EVERYBODY = "everybody"
OWNER = 0
"""Stands for the owner in the place of an id of Telegram's."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is in, by Telegram's id or 0 for the owner, and the secret that the browser holds."""

    person: int
    token: str = field(repr=False)


class Door:
    """Who may come in. ``now`` is the Unix time.

    ``address`` is where the panel is reached, such as ``http://127.0.0.1:8478``; while it is empty, ``closed`` says
    why.
    """

    def __init__(self, table: PanelTable, now: Callable[[], float] = time.time) -> None:
        self.address = ""
        self.closed = "The panel is off: MEDUSA_PANEL says so."
        self._table = table
        self._now = now
        self._links: dict[bytes, tuple[int, float]] = {}
        """By the hash of a link's token: whom it lets in, and until when."""
        self._guesses = Brake(5, _WINDOW, step=1.0)
        self._link_guesses = Brake(5, _WINDOW, step=1.0)
        """Apart from those of passwords, so that whoever guesses these shuts nobody out."""
        self._all_guesses = Brake(30, _WINDOW)
        self._hashing = asyncio.Semaphore(1)

    def link(self, person: int) -> str:
        """A link that lets this person in, once and soon. Raises UserError while there is no panel."""
        if not self.address:
            raise UserError(self.closed)
        token, now = secrets.token_urlsafe(32), self._now()
        self._links = {key: one for key, one in self._links.items() if one[1] > now}
        while len(self._links) >= MOST_LINKS:
            del self._links[next(iter(self._links))]
        self._links[_hash(token)] = (person, now + LINK_FOR)
        return f"{self.address}/enter/{token}"

    async def enter_by_link(self, token: str, address: str) -> Session:
        """Begin a session with a link's token, which is worth nothing from then on. Raises UserError."""
        self._hold_back(self._link_guesses, _neighbourhood(address))
        wanted, found = _hash(token), None
        for key in self._links:  # each is looked at, so that the time that it takes says nothing
            found = key if hmac.compare_digest(key, wanted) else found
        person, until = self._links.pop(found) if found else (0, 0.0)
        if until <= self._now():
            raise UserError("This link was used before or has expired. Ask for another one: /panel")
        self._link_guesses.forget(_neighbourhood(address))
        return await self._begin(person)

    async def enter_by_password(self, password: str, address: str) -> Session:
        """Begin a session of the owner. Raises UserError for a wrong password, and for too many of them."""
        self._hold_back(self._guesses, _neighbourhood(address))
        self._hold_back(self._all_guesses, _EVERYBODY)
        kept = await self._table.password()
        salt = kept.salt if kept else b"none"
        given = await self._hashed(password[: LONGEST + 1], salt)
        if kept is None or not hmac.compare_digest(given, kept.hash):
            log.warning("panel.wrong_password")
            raise UserError("That is not the password.")
        self._guesses.forget(_neighbourhood(address))
        self._all_guesses.forgive(_EVERYBODY)
        return await self._begin(OWNER)

    async def has_password(self) -> bool:
        """Whether a password was set."""
        return await self._table.password() is not None

    async def session(self, token: str) -> Session | None:
        """Whose token this is; None for one that is unknown or has expired."""
        key, now = _hash(token), self._now()
        kept = await self._table.get(key)
        if kept is None or now >= min(kept.seen + IDLE_FOR, kept.created + LASTS_FOR):
            return None
        if not 0 <= now - kept.seen < _NOTED_EVERY:
            await self._table.seen(key, now)
        return Session(kept.person, token)

    async def sessions(self, person: int) -> list[StoredSession]:
        """The sessions of a person that have not expired, the latest first."""
        now = self._now()
        return [one for one in await self._table.of(person) if now < min(one.seen + IDLE_FOR, one.created + LASTS_FOR)]

    async def leave(self, session: Session) -> None:
        """End a session."""
        await self._table.end(_hash(session.token))

    async def leave_all(self, person: int) -> int:
        """End all sessions of a person and close the links to more; returns how many sessions there were."""
        self._links = {key: one for key, one in self._links.items() if one[0] != person}
        ended = len(await self.sessions(person))
        await self._table.end_all(person)
        return ended

    async def set_password(self, password: str | None) -> None:
        """Have this password open from now on, or none; whoever is in has to log in anew. Raises UserError."""
        if password is None:
            await self._table.set_password(None)
            return
        if not SHORTEST <= len(password) <= LONGEST:
            raise UserError(f"A password for the panel has {SHORTEST} to {LONGEST} characters.")
        salt = secrets.token_bytes(16)
        await self._table.set_password(PasswordHash(salt, await self._hashed(password, salt)))

    def _hold_back(self, brake: Brake, name: str) -> None:
        """Count a try as failed before it is looked at, so that many at once gain nothing. Raises TooMany."""
        now = self._now()
        if (pause := brake.wait(name, now)) > 0:
            raise TooMany(pause)
        brake.failed(name, now)

    async def _hashed(self, password: str, salt: bytes) -> bytes:
        secret = unicodedata.normalize("NFC", password).encode("utf-8", "replace")
        async with self._hashing:  # one at a time: memory is what each takes
            return await asyncio.to_thread(hashlib.scrypt, secret, salt=salt, dklen=32, **_COST)

    async def _begin(self, person: int) -> Session:
        token, now = secrets.token_urlsafe(32), self._now()
        await self._table.begin(_hash(token), StoredSession(person, now, now), now - LASTS_FOR, now - IDLE_FOR)
        log.info("panel.entered", person=person)
        return Session(person, token)


class TooMany(UserError):
    """Too many failures: ``after`` so many seconds the next try is looked at."""

    def __init__(self, after: float) -> None:
        super().__init__(
            f"Too many tries. The next one is possible in {span(max(1.0, after))}; a link may help: /panel"
        )
        self.after = after


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _neighbourhood(address: str) -> str:
    """Whom an address belongs to: of IPv6, each has at least a network of 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
