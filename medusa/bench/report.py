"""Shows the results: tables for the terminal, JSON for everything else."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from medusa.bench.peers import Peer
from medusa.bench.plan import HEAD, MB, Plan
from medusa.bench.results import Results, Row, spread

_COSTS = (
    ("CPU, ms per MB", "cpu_per_mb", 0.001, ".1f"),
    ("memory, MB", "memory", MB, ".0f"),
    ("stall p99, ms", "stall", 0.001, ".1f"),
)


def machine() -> dict[str, Any]:
    """The machine that the figures come from."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MB,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "telethon": version("telethon"),
    }


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def as_json(results: Results, plan: Plan) -> dict[str, Any]:
    """Everything that was measured, with the machine."""
    return {
        "machine": machine(),
        "rounds": plan.rounds,
        "size": plan.size,
        "targets": [asdict(row) for row in results.rows],
        "figures": results.figures,
        "uploads": [asdict(sample) for sample in results.samples],
    }


def as_text(results: Results, plan: Plan, peers: Sequence[Peer]) -> str:
    """The tables: each client under each scenario, what an upload costs it, and the targets."""
    here = machine()
    head = f"{here['cpu']}, {here['cores']} cores, Python {here['python']}; {plan.rounds} rounds, median (least–most)"
    scenarios = list(dict.fromkeys(sample.scenario for sample in results.samples))
    blocks = [head]
    if scenarios:
        blocks.append(_table(["MB/s", *(peer.label for peer in peers)], _rates(results, scenarios, peers)))
    if HEAD in scenarios:
        title = f"cost of {plan.size // MB} MB at {HEAD}"
        blocks.append(_table([title, *(peer.label for peer in peers)], _costs(results, peers)))
    if results.rows:
        blocks.append(_table(["measure", "figure", "target", ""], [_line(row) for row in results.rows]))
    return "\n\n".join(blocks) + "\n"


def _rates(results: Results, scenarios: Sequence[str], peers: Sequence[Peer]) -> list[list[str]]:
    return [[scenario, *(_rate(results, peer.label, scenario) for peer in peers)] for scenario in scenarios]


def _rate(results: Results, peer: str, scenario: str) -> str:
    if error := results.error(peer, scenario):
        return f"failed: {error[:60]}"
    found = spread([sample.rate / MB for sample in results.good(peer, scenario)])
    return f"{found:.1f}" if found else "–"


def _costs(results: Results, peers: Sequence[Peer]) -> list[list[str]]:
    lines = []
    for title, name, scale, form in _COSTS:
        found = [results.figure(peer.label, HEAD, name, scale) for peer in peers]
        lines.append([title, *("–" if one is None else f"{one:{form}}" for one in found)])
    return lines


def _line(row: Row) -> list[str]:
    return [row.measure, row.value, row.target, {True: "ok", False: "MISSED", None: ""}[row.met]]


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]

    def row(cells: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    return "\n".join([row(head), row(["-" * width for width in widths]), *map(row, lines)])
