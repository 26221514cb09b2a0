"""Measures uploads of one file: each client in fresh processes, the clients taking turns."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from medusa.bench.children import Failed, Side, transfer_once
from medusa.bench.peers import Peer
from medusa.bench.plan import CLEAN, FAULTS, HEAD, MB, Scenario
from medusa.bench.results import Results, Sample

OWN = "Medusa"
Say = Callable[[str], None]

TARGETS = {"Kurigram": (3.5, 1 / 2), "Telethon": (40.0, 1 / 6)}
"""How many times as fast Medusa has to be, and what share of the CPU it may take, at the headline's conditions."""


async def measure_uploads(side: Side, peers: Sequence[Peer], path: Path, say: Say, results: Results) -> None:
    """Upload under each scenario with each client, round by round, and compare."""
    await rounds_of(side, peers, side.plan.uploads, path, say, results)
    for peer in peers:
        if not peer.own:
            _compare(peer.label, results)
    _limits(side.plan.uploads, results)


async def measure_faults(side: Side, peers: Sequence[Peer], path: Path, say: Say, results: Results) -> None:
    """Upload under faults: all have to complete, and the time is compared with the ideal plus the injected waits."""
    await rounds_of(side, peers, (CLEAN, *FAULTS), path, say, results)
    for scenario in FAULTS:
        clean = {sample.round: sample.values["seconds"] for sample in results.good(OWN, CLEAN.name)}
        good = [sample for sample in results.good(OWN, scenario.name) if sample.round in clean]
        figures = [s.values["seconds"] / (clean[s.round] + s.values["waits"]) for s in good]
        name = f"{scenario.name}: time ÷ (ideal + waits)"
        results.record(name, figures, ".2f", "≤ 1.05", lambda figure: figure <= 1.05)


async def measure_memory(side: Side, own: Peer, paths: Sequence[Path], say: Say, results: Results) -> None:
    """Compare what Medusa's uploader holds for a small and for a large file."""
    peaks: list[float] = []
    for path in paths:
        scenario = Scenario(f"{path.stat().st_size // MB} MB at RTT 20 ms", CLEAN.conditions)
        await rounds_of(side, [own], [scenario], path, say, results, rounds=1)
        peaks += [sample.values["memory"] / MB for sample in results.good(OWN, scenario.name)]
    grown = [max(0.0, peaks[-1] - peaks[0])] if len(peaks) == len(paths) else []
    name = "memory of a large upload above that of a small one, MB"
    results.record(name, grown, ".1f", "≤ 10", lambda figure: figure <= 10)


async def rounds_of(
    side: Side,
    peers: Sequence[Peer],
    scenarios: Sequence[Scenario],
    path: Path,
    say: Say,
    results: Results,
    rounds: int | None = None,
) -> None:
    """Move the file under each scenario with each client, the clients taking turns."""
    digest = await _digest(path)
    for number in range(1, (rounds or side.plan.rounds) + 1):
        for scenario in scenarios:
            # Each round begins with another client, so that none always runs first on a rested machine.
            turn = number % len(peers)
            for peer in [*peers[turn:], *peers[:turn]]:
                if results.error(peer.label, scenario.name):
                    continue
                say(f"round {number}: {scenario.name}, {peer.label}")
                results.samples.append(await _sample(side, peer, scenario, number, path, digest))


async def _sample(side: Side, peer: Peer, scenario: Scenario, number: int, path: Path, digest: str) -> Sample:
    size = _size(path)
    with tempfile.TemporaryDirectory(dir=side.folder) as folder:
        try:
            values = await transfer_once(side, peer, scenario, path, Path(folder))
            arrived = values if scenario.work == "download" else await side.ask("last")
            if arrived["sha256"] != digest:
                raise Failed("what arrived is not what was sent")
        except Failed as error:
            return Sample(peer.label, scenario.name, number, size, error=str(error))
    return Sample(peer.label, scenario.name, number, size, {**values, "cpu_per_mb": values["cpu"] * MB / size})


def _size(path: Path) -> int:
    return path.stat().st_size


async def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _compare(label: str, results: Results) -> None:
    faster, thrift = TARGETS.get(label, (1.0, 1.0))
    ratio = results.ratios(label, OWN, HEAD, "seconds")
    met = ratio is not None and ratio.middle >= faster
    results.add(f"upload at {HEAD}: times as fast as {label}", ratio, ".1f", f"≥ {faster:g}", met)
    share = results.ratios(OWN, label, HEAD, "cpu")
    met = share is not None and share.middle <= thrift
    results.add(f"CPU of an upload ÷ {label}'s", share, ".2f", f"≤ {thrift:.2f}", met)


def _limits(scenarios: Sequence[Scenario], results: Results) -> None:
    """What Medusa's own uploads have to keep to, whatever the peers do."""
    rates = {s.name: {sample.round: sample.rate for sample in results.good(OWN, s.name)} for s in scenarios}
    ceiling, head = rates.get("RTT 0 ms", {}), rates.get(HEAD, {})
    shares = [rate / ceiling[number] for number, rate in head.items() if number in ceiling]
    results.record(f"upload rate at {HEAD} ÷ at 0 ms", shares, ".2f", "≥ 0.90", lambda figure: figure >= 0.9)
    for name, scale, unit, target in (
        ("cpu_per_mb", 0.001, "CPU of an upload, ms per MB", 2.4),
        ("memory", MB, "extra memory of an upload, MB", 16.0),
        ("stall", 0.001, "event-loop stall while uploading, 99th percentile, ms", 10.0),
    ):
        figures = [sample.values[name] / scale for sample in results.good(OWN, HEAD)]
        results.record(unit, figures, ".1f", f"≤ {target:g}", target.__ge__)
