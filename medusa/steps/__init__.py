"""From file to file: every module of this folder with a constant STEP is one processing step."""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from medusa.discover import plugins
from medusa.errors import UserError
from medusa.model import LocalFile, Order, Report
from medusa.steps.draft import Draft
from medusa.tools import Tools

Files = tuple[LocalFile, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that the owner may ask a step for: an option ``--name`` of /dl, kept under that name in the order.

    ``takes`` says what value it takes, nothing for a switch. ``like`` is what a value looks like, as a regular
    expression, where it may be left out. With ``many`` it may be given several times; the values stand in lines.
    ``read`` turns what was written into what is kept, and raises UserError in words. ``example`` is a value.
    ``quality`` is the only one that needs to be fetched where a link has several.
    """

    name: str
    about: str
    takes: str = ""
    like: str = ""
    many: bool = False
    read: Callable[[str], str] = str
    example: str = ""
    quality: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that may be done to a fetched file, in one of three ways.

    Steps run in the order of ``stage``, and ``wants`` is asked of what the earlier ones made of the file.

    - ``run`` makes one or more files of one. It leaves a file that it cannot improve as it is, and can be run again
      over what an interrupted run left.
    - ``draft`` only adds to what one run of ffmpeg is to do; what such steps in a row ask for is done together.
    - ``gather`` makes of all files of a job what goes on; it is asked when ``wants`` says so of the first.

    What a wish of the owner makes of a file is a new one: its source must stay for as long as a restart may need it.
    A step that ``peeks`` changes no byte of the file, and is content with its beginning and its end. ``wishes`` are
    the options that it obeys. ``example`` names a file that it wants.
    """

    name: str
    stage: int
    wants: Callable[[LocalFile, Order], bool]
    example: str
    run: Callable[[LocalFile, Order, Path, Tools, Report], Awaitable[LocalFile | Files]] | None = None
    draft: Callable[[Draft, Order], Draft] | None = None
    gather: Callable[[Files, Order, Path, Tools, Report], Awaitable[Files]] | None = None
    peeks: bool = False
    wishes: tuple[Wish, ...] = ()
    says: str = ""
    """What it does, where that is told beforehand; its name where nothing else stands here."""


@functools.cache
def all_steps() -> tuple[Step, ...]:
    """Return every step of this folder, in the order in which they run."""
    return tuple(sorted(plugins(__name__, "STEP", Step).values(), key=lambda step: step.stage))


@functools.cache
def all_wishes() -> Mapping[str, Wish]:
    """Return what the owner may ask for, by name."""
    return {wish.name: wish for step in all_steps() for wish in step.wishes}


def gathers(order: Order) -> bool:
    """Whether the order wants one thing made of all its files."""
    return any(step.gather is not None and wish.name in order.edits for step in all_steps() for wish in step.wishes)


async def process(files: Sequence[LocalFile], order: Order, workdir: Path, tools: Tools, report: Report) -> Files:
    """Run the steps that want the files, and return what they made of them."""
    done = tuple(files)
    for drafted, steps in groupby(all_steps(), key=lambda step: step.draft is not None):
        if drafted:
            done = await _drafted(done, tuple(steps), order, workdir, tools, report)
            continue
        for step in steps:
            done = await _stepped(step, done, order, workdir, tools, report)
    return done


async def _stepped(step: Step, files: Files, order: Order, workdir: Path, tools: Tools, report: Report) -> Files:
    if step.gather is not None:
        return await step.gather(files, order, workdir, tools, report) if step.wants(files[0], order) else files
    done: list[LocalFile] = []
    for file in files:
        made: LocalFile | Files = file
        if step.run is not None and step.wants(file, order):
            made = await step.run(file, order, workdir, tools, report)
        done += made if isinstance(made, tuple) else (made,)
    return tuple(done)


async def _drafted(
    files: Files, steps: Sequence[Step], order: Order, workdir: Path, tools: Tools, report: Report
) -> Files:
    """Have ffmpeg run once for each file of which the steps want something. Raises UserError where it can't be done."""
    from medusa.steps.making import make

    asked = any(wish.name in order.edits for step in steps for wish in step.wishes)
    if asked and all(file.media is None for file in files):
        if tools.ffmpeg is None:
            raise UserError("This needs ffmpeg, which is missing on this machine.")
        raise UserError(f"{files[0].name} is no video and no sound that can be read.")
    drafts = [(file, drafted(file, order, steps)) for file in files]
    return tuple([await make(draft, workdir, tools, report) if draft else file for file, draft in drafts])


def drafted(file: LocalFile, order: Order, steps: Sequence[Step]) -> Draft | None:
    """What the steps want done to a file together; None when that is nothing."""
    draft: Draft | None = None
    for step in steps:
        if step.draft is not None and file.media is not None and step.wants(file, order):
            draft = step.draft(draft or Draft(file, file.media), order)
    return draft


async def peek(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile | None:
    """What the steps make of a file of which only the beginning and the end are at hand; None when one needs it all."""
    for step in all_steps():
        asked = any(wish.name in order.edits for wish in step.wishes)
        if not step.wants(file, order):
            if asked and step.draft is not None and file.media is None:
                return None  # it says so once it is fetched
            continue
        if step.run is None or not step.peeks or asked:
            return None
        made = await step.run(file, order, workdir, tools, report)
        if isinstance(made, tuple):
            return None
        file = made
    return file
