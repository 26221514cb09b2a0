"""Troubles that a test lays on the server: errors, delays, lost connections, lost state."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from medusa.loopback.accounts import Account
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.world import World

FAIL, DELAY, DROP_BEFORE, DROP_AFTER, HANG, LOSE = "fail", "delay", "drop before", "drop after", "hang", "lose"


@dataclass(slots=True, eq=False)
class Fault:
    """One trouble: it meets calls whose method fits ``method`` (``*`` and ``?`` are wildcards), ``left`` times.

    ``left`` None means without end. ``when`` sees the request; ``chance`` is rolled with the fault's own seed.
    ``hits`` counts how often it struck. For ``delay``, ``seconds`` is how long; for ``fail``, ``error`` is the answer.
    """

    kind: str
    method: str
    left: int | None
    when: Callable[[Any], bool] | None
    chance: float
    roll: random.Random
    error: RpcFailure | None = None
    seconds: float = 0.0
    hits: int = 0

    def strikes(self, method: str, request: Any) -> bool:
        """True when this call is met; counts it."""
        if self.left == 0 or not fnmatchcase(method, self.method):
            return False
        if self.when is not None and not self.when(request):
            return False
        if self.chance < 1 and self.roll.random() >= self.chance:
            return False
        self.hits += 1
        if self.left is not None:
            self.left -= 1
        return True

    def stop(self) -> None:
        """Strike no more."""
        self.left = 0


@dataclass(slots=True)
class Transport:
    """What the transport is to do to new packets and connections."""

    error: int = 0
    errors_left: int = 0
    refusing: bool = False
    most: int | None = None
    drop: list[Callable[[], None]] = field(default_factory=list)
    _owners: dict[object, int] = field(default_factory=dict)

    def crowded(self, connection: object, account: int | None) -> bool:
        """True when an account's connection is one too many; otherwise it is counted until it leaves."""
        if account is None or connection in self._owners:
            return False
        if self.most is not None and sum(owner == account for owner in self._owners.values()) >= self.most:
            return True
        self._owners[connection] = account
        return False

    def leave(self, connection: object) -> None:
        """A connection has ended."""
        self._owners.pop(connection, None)


class Faults:
    """The switchboard of troubles. All methods may be called while clients are connected."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._faults: list[Fault] = []
        self.transport = Transport()

    def _add(self, kind: str, method: str, **options: Any) -> Fault:
        seed = options.pop("seed")
        fault = Fault(kind, method, options.pop("times"), roll=random.Random(seed), **options)  # noqa: S311 -- a die
        self._faults.append(fault)
        return fault

    def fail(
        self,
        method: str,
        error: str,
        *,
        code: int | None = None,
        times: int | None = 1,
        when: Callable[[Any], bool] | None = None,
        chance: float = 1.0,
        seed: int = 0,
    ) -> Fault:
        """Answer calls of ``method`` with an error such as ``FLOOD_WAIT_3`` instead of executing them."""
        failure = RpcFailure(error, code)
        return self._add(FAIL, method, times=times, when=when, chance=chance, seed=seed, error=failure)

    def delay(
        self,
        method: str,
        seconds: float,
        *,
        times: int | None = None,
        when: Callable[[Any], bool] | None = None,
        chance: float = 1.0,
        seed: int = 0,
    ) -> Fault:
        """Let calls wait before they are executed; others overtake them."""
        return self._add(DELAY, method, times=times, when=when, chance=chance, seed=seed, seconds=seconds)

    def drop(
        self,
        method: str,
        *,
        executed: bool,
        times: int | None = 1,
        when: Callable[[Any], bool] | None = None,
        chance: float = 1.0,
        seed: int = 0,
    ) -> Fault:
        """Cut the connection at a call: before it is executed, or after it with the answer lost."""
        kind = DROP_AFTER if executed else DROP_BEFORE
        return self._add(kind, method, times=times, when=when, chance=chance, seed=seed)

    def hang(
        self, method: str, *, times: int | None = 1, when: Callable[[Any], bool] | None = None, chance: float = 1.0
    ) -> Fault:
        """Accept calls and never answer them."""
        return self._add(HANG, method, times=times, when=when, chance=chance, seed=0)

    def lose(
        self,
        method: str,
        *,
        times: int | None = 1,
        when: Callable[[Any], bool] | None = None,
        chance: float = 1.0,
        seed: int = 0,
    ) -> Fault:
        """Answer calls with ``boolTrue`` and do nothing: parts that are acknowledged and then missing."""
        return self._add(LOSE, method, times=times, when=when, chance=chance, seed=seed)

    def lie_on_cdn(self, lying: bool = True) -> None:
        """Let the CDN hand out bytes that are not the file's."""
        self._world.cdn.lying = lying

    def clear(self) -> None:
        """End all faults of calls and of the transport."""
        self._faults.clear()
        self.transport.error = self.transport.errors_left = 0
        self.transport.refusing = False
        self.transport.most = None
        self.expire_parts(None)
        self.lie_on_cdn(False)
        self.set_clock(0.0)
        self._world.frozen.clear()

    def meeting(self, method: str, request: Any) -> list[Fault]:
        """The faults that strike this call. The one hook of dispatch."""
        return [fault for fault in self._faults if fault.strikes(method, request)]

    def transport_error(self, code: int = 429, *, times: int = 1) -> None:
        """Answer the next packets with a bare transport error and close the connection."""
        self.transport.error, self.transport.errors_left = code, times

    def refuse_connections(self, refuse: bool = True) -> None:
        """Close new connections as soon as they are made, until told otherwise."""
        self.transport.refusing = refuse

    def limit_connections(self, most: int | None) -> None:
        """Answer further connections of an account that has ``most`` with transport error 429 and close them."""
        self.transport.most = most

    def drop_connections(self) -> None:
        """Cut every connection now."""
        for drop in self.transport.drop:
            drop()

    def change_salts(self) -> None:
        """Make every salt that clients hold wrong."""
        for centre in self._world.centres.values():
            centre.keys.salt_epoch += 1

    def revoke(self, account: Account, error: str = "AUTH_KEY_UNREGISTERED") -> None:
        """Answer all of an account's calls with an error of authorization.

        Such are AUTH_KEY_UNREGISTERED, SESSION_REVOKED, USER_DEACTIVATED_BAN and AUTH_KEY_DUPLICATED (code 406).
        """
        for centre in self._world.centres.values():
            for key in centre.keys.of(account.user_id):
                key.account, key.error = None, error
                centre.keys.save(key)

    def freeze(self, account: Account) -> None:
        """Let an account read, but not write. https://core.telegram.org/api/auth#frozen-accounts"""
        self._world.frozen.add(account.user_id)

    def set_clock(self, ahead: float) -> None:
        """Let the server's clock be so many seconds ahead of the true time; below 0 it is behind."""
        self._world.clock.ahead = ahead
        for centre in self._world.centres.values():
            for session in centre.sessions:
                session.restart_ids()

    def forget_keys(self, account: Account) -> None:
        """Lose an account's auth keys: its packets are answered with transport error 404."""
        for centre in self._world.centres.values():
            for key in centre.keys.of(account.user_id):
                centre.keys.forget(key)

    def forget_parts(self, file_id: int, parts: list[int] | None = None) -> None:
        """Lose some parts of an upload that is under way, or all of it."""
        self._world.files.forget_parts(file_id, parts)

    def expire_parts(self, after: float | None) -> None:
        """Forget each part of an upload that is not finished within so many seconds; None keeps them for good."""
        self._world.files.part_life = after

    def expire_references(self) -> None:
        """Make every file reference that clients hold expire."""
        self._world.files.expire_references()

    def forbid(self, peer: int, what: str, error: str | None) -> None:
        """Forbid to ``write`` or ``edit`` in a chat (marked id) with an error; None allows it again."""
        self._world.database.run("DELETE FROM forbidden WHERE peer = ? AND what = ?", peer, what)
        if error is not None:
            self._world.database.run("INSERT INTO forbidden VALUES(?, ?, ?)", peer, what, error)
