"""From file to file: every module of this folder with a constant STEP is one processing step."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from medusa.discover import plugins
from medusa.model import LocalFile, Order, Report
from medusa.tools import Tools


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that may be done to a fetched file.

    Steps run in the order of ``stage``, and ``wants`` is asked of what the earlier ones made of the file. ``run``
    leaves a file that it cannot improve as it is, and can be run again over what an interrupted run left. A step that
    ``peeks`` changes no byte of the file, and is content with its beginning and its end. ``example`` names a file that
    it wants.
    """

    name: str
    stage: int
    wants: Callable[[LocalFile, Order], bool]
    run: Callable[[LocalFile, Order, Path, Tools, Report], Awaitable[LocalFile]]
    example: str
    peeks: bool = False


@functools.cache
def all_steps() -> tuple[Step, ...]:
    """Return every step of this folder, in the order in which they run."""
    return tuple(sorted(plugins(__name__, "STEP", Step).values(), key=lambda step: step.stage))


async def process(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Run the steps that want the file, and return what they made of it."""
    for step in all_steps():
        if step.wants(file, order):
            file = await step.run(file, order, workdir, tools, report)
    return file


async def peek(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile | None:
    """What the steps make of a file of which only the beginning and the end are at hand; None when one needs it all."""
    for step in all_steps():
        if step.wants(file, order):
            if not step.peeks:
                return None
            file = await step.run(file, order, workdir, tools, report)
    return file
