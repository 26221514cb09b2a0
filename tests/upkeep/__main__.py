"""``python -m tests.upkeep --kills 400 --seed 1``: kills upkeep and exits with 1 if anything was lost."""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from tests.upkeep.killing import campaign

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        met, wrong = campaign(Path(folder), options.kills, options.seed)
    print(f"{options.kills} kills, at work: {dict(met)}; {len(wrong)} wrong (seed {options.seed})")  # noqa: T201
    print("\n".join(wrong))  # noqa: T201
    sys.exit(1 if wrong else 0)
