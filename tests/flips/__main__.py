"""The command: python3 -m tests.flips --count 10000 --seed 7."""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.flips import backup
from tests.flips.state import flip, make


def main(arguments: Sequence[str] | None = None) -> int:
    """Flip bits; returns 1 when one of them was not noticed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.flips", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--what", choices=("backup", "state"), nargs="*", default=["backup", "state"])
    options = parser.parse_args(arguments)
    silent = 0
    if "backup" in options.what:
        result = backup.run(options.count, options.seed)
        silent += len(result.silent)
        sys.stdout.write(
            f"backup: {result.flips} bits flipped, {len(result.silent)} not noticed: {result.silent[:20]}\n"
        )
    if "state" in options.what:
        silent += asyncio.run(_state(options.count, options.seed))
    sys.stdout.write(f"seed {options.seed}\n")
    return 1 if silent else 0


async def _state(count: int, seed: int) -> int:
    """Flip bits of a state, and tell what it said; returns how many were opened silently."""
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        await make(Path(folder))
        said = await flip(Path(folder), count, seed)
    for words, times in said.most_common():
        sys.stdout.write(f"{times:6}  {words}\n")
    sys.stdout.write(f"state: {count} bits flipped, {said['silent']} opened silently\n")
    return said["silent"]


if __name__ == "__main__":
    sys.exit(main())
