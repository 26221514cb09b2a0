"""Says what the steps would do to a file before it is there, as far as that is known."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from medusa.errors import UserError
from medusa.model import LocalFile, Media, Order
from medusa.steps import Files, Step, all_steps, drafted
from medusa.steps.draft import Draft
from medusa.steps.pace import expected
from medusa.words import span

UNKNOWN = "unknown"
"""A codec that nobody has looked at."""
_ANYTHING = ("", "application/octet-stream")


def foretell(files: Files, order: Order) -> list[str]:
    """The steps in words, in their order; what depends on what is in the files is said so.

    Of the files nothing but what is known is filled in: codecs may be `UNKNOWN`, ``media`` None where it may be
    anything. Raises UserError where what is asked for can't be done to them.
    """
    first, *others = _cases(files)
    cases = [_walk(first, order)]
    for case in others:
        with suppress(UserError):  # whether it comes to that is not known
            cases.append(_walk(case, order))
    certain = set(cases[0]).intersection(*cases)
    return [words if name in certain else f"{words} if needed" for name, words in cases[0].items()]


def _cases(files: Files) -> list[Files]:
    """What the files may turn out to be, the likeliest first."""
    known = files[0].media
    if known is None:
        film = Media("", video_codec=UNKNOWN, audio_codec=UNKNOWN)
        may_be = files[0].mime in _ANYTHING or files[0].mime.startswith(("video/", "audio/"))
        return [*(_cases((replace(files[0], media=film), *files[1:])) if may_be else ()), files]
    if UNKNOWN not in (known.video_codec, known.audio_codec):
        return [files]
    video = "h264" if known.video_codec == UNKNOWN else known.video_codec
    audio = "aac" if known.audio_codec == UNKNOWN else known.audio_codec
    likely = replace(known, video_codec=video, audio_codec=audio)
    return [(replace(files[0], media=one), *files[1:]) for one in (likely, replace(likely, streamable=True), known)]


def _walk(files: Files, order: Order) -> dict[str, str]:
    """What is done to files of which all is known, by the names of the steps."""
    found: dict[str, str] = {}
    file = files[0]
    for together, steps in groupby(all_steps(), key=lambda step: step.draft is not None):
        if together:
            some = tuple(steps)
            if (draft := drafted(file, order, some)) is not None:
                found[some[0].name] = _drafted(file, order, some, draft)
                file = _made(draft)
            continue
        for step in steps:
            if step.wants(file, order) and not _only_looks(step, order):
                found[step.name] = _called(step, order)
                file = _together(files) if step.gather is not None else file
    return found


def _only_looks(step: Step, order: Order) -> bool:
    """Whether a step that can be asked for something was asked for nothing, and leaves most files as they are."""
    return step.peeks and bool(step.wishes) and not any(wish.name in order.edits for wish in step.wishes)


def _called(step: Step, order: Order, words: str = "") -> str:
    """A step in words, with the values that the owner gave it."""
    values = [order.edits[wish.name] for wish in step.wishes if wish.takes and wish.name in order.edits]
    told = words or step.says or step.name
    return " ".join([told, *(value.replace("\n", " ") for value in values if value != "on")])


def _drafted(file: LocalFile, order: Order, steps: Sequence[Step], whole: Draft) -> str:
    """What one run of ffmpeg does, wish by wish."""
    said, words = 0, []
    for at in range(1, len(steps) + 1):
        if (draft := drafted(file, order, steps[:at])) is not None and steps[at - 1].wants(file, order):
            words.append(_called(steps[at - 1], order, ", ".join(draft.said[said:])))
            said = len(draft.said)
    return f"{', '.join(words)} ({_effort(whole)})"


def _effort(draft: Draft) -> str:
    if not draft.encodes and not (draft.exact and draft.ranges):
        return "without encoding"
    seconds = expected(draft)
    return f"encoding anew, about {span(seconds)}" if seconds is not None else "encoding anew"


def _made(draft: Draft) -> LocalFile:
    """What a draft makes, as far as that can be told."""
    media = replace(
        draft.media,
        duration=draft.duration,
        video_codec=draft.video.makes(draft.media.video_codec, "h264") if draft.has_video else None,
        audio_codec=draft.audio.makes(draft.media.audio_codec, "aac") if draft.has_audio else None,
        streamable=draft.container == "mp4",
    )
    name = f"{Path(draft.source.name).stem}.{draft.container}"
    return replace(draft.source, name=name, media=media, shape=draft.shape, size=0)


def _together(files: Files) -> LocalFile:
    """What becomes of several files."""
    first, lengths = files[0], [file.media.duration for file in files if file.media is not None]
    if first.media is None:
        return first
    known = [length for length in lengths if length is not None]
    duration = sum(known) if len(known) == len(files) else None
    return replace(first, media=replace(first.media, duration=duration, streamable=True), size=0)
