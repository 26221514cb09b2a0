"""The command: python3 -m tests.drill --rounds 50 --seed 7."""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from medusa.demo.samples import Samples, make_samples
from medusa.tools import find_ffmpeg
from tests.crash.outside import outside
from tests.drill.rounds import Round, Verdict


async def drill(samples: Samples, folder: Path, rounds: int, seed: int) -> Verdict:
    """So many rounds, each in a world of its own."""
    verdict, die = Verdict(), random.Random(seed)
    for number in range(rounds):
        async with outside(samples, folder / str(number)) as world:
            try:
                await Round(world, die, verdict).run()
            except (RuntimeError, TimeoutError) as error:
                verdict.wrong.append(f"round {number + 1} broke off: {error}")
    return verdict


def report(verdict: Verdict, rounds: int) -> str:
    """What was done and what came of it."""
    lines = [f"{count:6}  {name}" for name, count in sorted(verdict.blows.items())]
    for title in ("lost", "doubled", "wrong"):
        lines += [f"{title}: {line}" for line in getattr(verdict, title)[:20]]
    lines.append(
        f"{rounds} rounds, {verdict.blows.total()} kills: {verdict.posts} posts, {verdict.found} found again, "
        f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.wrong)} wrong"
    )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drill; returns 1 when anything was lost, doubled or wrong."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.drill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="draws everything")
    options = parser.parse_args(arguments)
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        raise SystemExit("The drill needs ffmpeg to make its samples.")
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:

        async def run() -> Verdict:
            samples = await make_samples(Path(tempfile.gettempdir()) / "medusa-crash-samples", ffmpeg)
            return await drill(samples, Path(folder), options.rounds, options.seed)

        verdict = asyncio.run(run())
    sys.stdout.write(f"seed {options.seed}\n{report(verdict, options.rounds)}\n")
    return int(bool(verdict.lost or verdict.doubled or verdict.wrong))


if __name__ == "__main__":
    sys.exit(main())
