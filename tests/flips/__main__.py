"""``python -m tests.flips --count 10000 --seed 1``: flips bits and exits with 1 if one was not noticed."""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from tests.flips.state import flip, make


async def main(count: int, seed: int) -> int:
    """Flip, print what came of it, and return the exit code."""
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        await make(Path(folder))
        said = await flip(Path(folder), count, seed)
    for words, times in said.most_common():
        print(f"{times:6}  {words}")  # noqa: T201
    print(f"{count} bits flipped, {said['silent']} opened silently (seed {seed})")  # noqa: T201
    return 1 if said["silent"] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.count, options.seed)))
