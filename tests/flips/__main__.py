"""The command: python3 -m tests.flips --flips 10000 --seed 7."""

import argparse
import random
import sys
from collections.abc import Sequence

from tests.flips import backup

_WHAT = {"backup": backup.run}


def main(arguments: Sequence[str] | None = None) -> int:
    """Flip bits; returns 1 when one of them was not noticed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.flips", description=__doc__)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--what", choices=_WHAT, nargs="*", default=list(_WHAT))
    options = parser.parse_args(arguments)
    code = 0
    for name in options.what:
        result = _WHAT[name](options.flips, options.seed)
        code |= bool(result.silent)
        sys.stdout.write(
            f"{name}: {result.flips} flips, {result.flips - len(result.silent)} noticed, "
            f"{len(result.silent)} not: {result.silent[:20]}\n"
        )
    sys.stdout.write(f"seed {options.seed}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
