"""Measures downloads of one file into another: each client in fresh processes, the clients taking turns."""

from collections.abc import Sequence
from pathlib import Path

from medusa.bench.children import Side
from medusa.bench.peers import Peer
from medusa.bench.plan import DOWNLOAD_HEAD, DOWNLOADS, HEAD, MB, POSTED
from medusa.bench.results import Results
from medusa.bench.uploads import OWN, Say, rounds_of

AHEAD = 1.5
"""How many times as fast as every other client Medusa has to be."""


async def measure_downloads(side: Side, peers: Sequence[Peer], path: Path, say: Say, results: Results) -> None:
    """Post the file, download it under each scenario with each client, round by round, and compare."""
    await rounds_of(side, peers[:1], [POSTED], path, say, results, rounds=1)
    await rounds_of(side, peers, DOWNLOADS, path, say, results)
    for peer in peers:
        if not peer.own:
            ratio = results.ratios(peer.label, OWN, DOWNLOAD_HEAD, "seconds")
            name = f"download of {side.plan.size // MB} MB at {HEAD}: times as fast as {peer.label}"
            results.add(name, ratio, ".1f", f"≥ {AHEAD:g}", ratio is not None and ratio.middle >= AHEAD)
