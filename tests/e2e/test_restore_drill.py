"""A sample of the drill of docs/backup.md; all of it: python3 -m tests.drill --rounds 50."""

import os
import sys
from pathlib import Path

from medusa.demo.samples import Samples
from tests.drill.__main__ import drill, report

SEED = int(os.environ.get("DRILL_SEED", "11"))


async def test_all_is_lost_after_a_backup_and_restored_without_a_post_lost_or_doubled(
    samples: Samples, tmp_path: Path
) -> None:
    verdict = await drill(samples, tmp_path, 1, SEED)
    seen = f"seed {SEED}\n{report(verdict, 1)}"
    sys.stdout.write(seen)
    assert not (verdict.lost or verdict.doubled or verdict.wrong), seen
    assert verdict.posts, seen
