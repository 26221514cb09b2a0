"""Measures Medusa against the other clients and against the limits: ``python3 run.py bench``."""

import argparse
from pathlib import Path

MEASURES = (
    "upload", "download", "faults", "memory", "stream", "footprint", "resume", "repost", "rest", "queue", "batch",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the ``bench`` command."""
    parser.add_argument("--quick", action="store_true", help="two rounds with small files: minutes, not half an hour")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="how often everything is measured (default: 5)")
    parser.add_argument("--size", type=_positive, metavar="MB", help="size of the uploaded file (default: 64 MiB)")
    parser.add_argument("--only", nargs="+", default=[], choices=MEASURES, metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--peers", nargs="+", default=[], metavar="NAME", help="only these clients, beside Medusa")
    parser.add_argument("--no-install", action="store_true", help="measure the clients that are installed already")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure, and the machine, to FILE")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the upload rates to FILE, as SVG")


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)
