"""The command: python3 -m tests.crash --kills 1000 --seed 7."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from medusa.demo.samples import make_samples
from medusa.tools import find_ffmpeg
from tests.crash.campaign import Campaign, Record
from tests.crash.cut import cut
from tests.crash.feed import BATCH
from tests.crash.full import NoDisk, full, small_disk
from tests.crash.hang import hang
from tests.crash.kill import kill
from tests.crash.outside import outside
from tests.crash.verdict import Verdict

_MOST_SHOWN = 20
_MODES = {"kill": kill, "cut": cut, "full": full, "hang": hang}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many blows (default: 1000)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="draws everything")
    parser.add_argument("--mode", choices=_MODES, default="kill", help="what Medusa suffers (default: kill)")
    parser.add_argument("--jobs", nargs="*", default=(), help="write only commands of these kinds")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"items of a batch (default: {BATCH})")
    parser.add_argument(
        "--dir", type=Path, help="a folder for state and work that is kept afterwards, but for a full one"
    )
    return parser.parse_args(arguments)


async def _run(options: argparse.Namespace, folder: Path) -> int:
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        raise SystemExit("The crash harness needs ffmpeg to make its samples.")
    samples = await make_samples(Path(tempfile.gettempdir()) / "medusa-crash-samples", ffmpeg)
    begun = time.monotonic()
    async with outside(samples, folder) as world:
        campaign = Campaign(world, options.seed, options.jobs, batch=options.batch)
        verdict = await _MODES[options.mode](campaign, options.kills, _say)
    _say("\n".join([*report(campaign.record, verdict), f"{time.monotonic() - begun:.0f} s"]))
    if verdict.well and not campaign.record.broken:
        return 0
    _say(
        f"To repeat it: python3 -m tests.crash --mode {options.mode} --kills {options.kills} --seed {options.seed}"
        + (f" --batch {options.batch}" if options.batch != BATCH else "")
        + (f" --jobs {' '.join(options.jobs)}" if options.jobs else "")
    )
    return 1


def report(record: Record, verdict: Verdict) -> list[str]:
    """A table of what was done and what was met, then what came of it."""
    lines = [f"{'blows':>7} {'missed':>7}  moment"]
    lines += [f"{count:7} {record.missed[name]:7}  {name}" for name, count in sorted(record.blows.items())]
    lines += [f"{'jobs':>7}  torn out of the stage"]
    lines += [f"{count:7}  {stage}" for stage, count in record.stages.most_common()]
    for title, found in _found(verdict).items():
        lines += [f"{title}: {line}" for line in found[:_MOST_SHOWN]]
    for one in record.broken[:3]:
        lines += ["a run ended badly:", one]
    lines += [
        f"{record.blows.total()} blows: {verdict.jobs} jobs, {verdict.posts} posts, "
        f"{len(verdict.wrong)} wrong, {len(record.broken)} runs ended badly",
        f"{len(verdict.late)} cancels came too late",
        f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled",
    ]
    return lines


def _found(verdict: Verdict) -> dict[str, list[str]]:
    return {"lost": verdict.lost, "doubled": verdict.doubled, "wrong": verdict.wrong}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; returns 1 when anything was lost, doubled or wrong."""
    options = _options(arguments)
    _say(f"seed {options.seed}")
    with ExitStack() as stack:
        folder: Path = options.dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return asyncio.run(
                _run(options, stack.enter_context(small_disk(folder)) if options.mode == "full" else folder)
            )
        except NoDisk as error:
            _say(f"This mode cannot run here: {error}")
            return 2


if __name__ == "__main__":
    sys.exit(main())
