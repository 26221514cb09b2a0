"""What is measured: sizes, rounds and the conditions of each scenario."""

import os
from dataclasses import dataclass, field

from medusa.bench.host import Conditions

MIB = 1024 * 1024
MB = 10**6
HEAD = "RTT 60 ms"
"""The scenario that the headline figures come from."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A way to move one file; ``post`` says that posting it belongs to what is timed.

    ``work`` is upload, or download: of what was posted last.
    """

    name: str
    conditions: Conditions
    post: bool = False
    work: str = "upload"


UPLOADS = (
    Scenario("RTT 0 ms", Conditions()),
    Scenario("RTT 20 ms", Conditions(rtt=20)),
    Scenario(HEAD, Conditions(rtt=60)),
    Scenario("RTT 120 ms", Conditions(rtt=120)),
    Scenario("60 ms, 8 MB/s per connection", Conditions(rtt=60, cap=8 * MB)),
)
POSTED = Scenario("upload of what is downloaded", Conditions(), post=True)
DOWNLOAD_HEAD = f"download, {HEAD}"
DOWNLOADS = (
    Scenario("download, RTT 0 ms", Conditions(), work="download"),
    Scenario(DOWNLOAD_HEAD, Conditions(rtt=60), work="download"),
)
CLEAN = Scenario("no faults", Conditions(rtt=20), post=True)
FAULTS = (
    Scenario("floods on 5 % of parts", Conditions(rtt=20, floods=0.05), post=True),
    Scenario("3 parts lost", Conditions(rtt=20, lost=3), post=True),
    Scenario("connection dropped at 2 % of parts", Conditions(rtt=20, drops=0.02), post=True),
    Scenario("transport error 429, 3 times", Conditions(rtt=20, refused=3), post=True),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done. Sizes are bytes, ``kills`` the percentages at which an upload is killed."""

    rounds: int
    size: int
    stream: int
    memory: tuple[int, int]
    uploads: tuple[Scenario, ...] = UPLOADS
    kills: tuple[int, ...] = (25, 50, 75)
    history: int = 10_000
    queue: int = 10_000
    batch: int = 200
    only: frozenset[str] = frozenset()
    timeout: float = 600.0
    """Seconds after which one upload or one job counts as failed."""
    server_cores: tuple[int, ...] = field(default_factory=tuple)
    client_cores: tuple[int, ...] = field(default_factory=tuple)

    def wants(self, name: str) -> bool:
        """Whether this measure, or this peer, is asked for."""
        return not self.only or name in self.only


def make_plan(*, quick: bool, rounds: int | None, size: int | None, only: frozenset[str]) -> Plan:
    """The plan for the options; server and clients get cores of their own where there are two or more."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    half = len(cores) // 2
    base = size or (16 * MIB if quick else 64 * MIB)
    return Plan(
        rounds=rounds or (2 if quick else 5),
        size=base,
        stream=base * 2,
        memory=(base, base * (4 if quick or size else 16)),
        uploads=(UPLOADS[0], UPLOADS[2]) if quick else UPLOADS,
        kills=(50,) if quick else (25, 50, 75),
        history=1000 if quick else 10_000,
        queue=1000 if quick else 10_000,
        batch=(10 if size else 50) if quick else 200,
        timeout=60.0 if quick else 600.0,
        only=only,
        server_cores=tuple(cores[:half]),
        client_cores=tuple(cores[half:] if half else ()),
    )
