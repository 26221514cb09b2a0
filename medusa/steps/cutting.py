"""How ffmpeg reads only the ranges of a draft: from key frame to frame where it copies, frame by frame where not."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from medusa.errors import UserError
from medusa.steps.draft import Draft, Range
from medusa.steps.ffmpeg import command, target
from medusa.steps.packets import packets
from medusa.tools import CONTAINERS

MOST_ENCODED = 10
"""Ranges that are encoded together at the most: each has a decoder of its own, with pictures of its own."""
_DELAY = 0.131
"""Seconds by which ffmpeg seeks too early where frames are not stored in the order of showing: 3/23, rounded up."""
_EARLIER = (0.0, 2.0, 10.0, 60.0)
"""Seconds before a range from where on a key frame is looked for; files without an index yield only later ones."""
_MARGIN = 0.2
"""Seconds of sound that are left before a key frame, which is decoded a little before it is shown."""
_EXACTLY = 0.0005
"""Seconds within which two times are the same."""
_CHAPTER = 0.003
"""Seconds by which a copy ends too soon, so that no chapter begins at its very end: their times are rounded."""
_SAME = 0.02
"""Seconds by which a key frame may seem to come too late: some containers round times."""


@dataclass(frozen=True, slots=True)
class Input:
    """A file that ffmpeg reads, with the options that stand before it."""

    path: Path
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What ffmpeg reads of a draft's source.

    ``first`` is its input 0, and ``last`` are those behind the draft's further ones. ``output`` are options of the
    output. With ``filtered`` the inputs are ranges that a filter joins; with ``described`` the last one is there for
    its tags alone. ``note`` tells the owner something about it.
    """

    first: Input
    last: tuple[Input, ...] = ()
    output: tuple[str, ...] = ()
    filtered: bool = False
    described: bool = False
    pieces: tuple[Path, ...] = ()
    """Files of ours that are of no use once they are read."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a copy begins: ffmpeg seeks to ``seek`` seconds, and the key frame is the one at ``key``."""

    seek: float
    key: float

    @property
    def lead(self) -> float:
        """Seconds of sound that are read before the key frame and can be left out."""
        return max(0.0, self.key - self.seek - _MARGIN)

    @property
    def direct(self) -> bool:
        """Whether ffmpeg seeks to the very key frame."""
        return abs(self.seek - self.key) <= 2 * _EXACTLY


async def begin_of(draft: Draft, wanted: float, ffmpeg: Path, workdir: Path) -> Begin:
    """The last key frame that does not come after ``wanted`` seconds, found by seeking. Sound may begin anywhere."""
    if not draft.has_video or not wanted:
        return Begin(wanted, wanted)
    path = draft.source.path
    for seek in (wanted + _DELAY, *(wanted - some for some in _EARLIER if wanted > some)):
        found = await _keys(path, seek, wanted + _SAME, ffmpeg, workdir)
        if found:
            key = max(0.0, found[-1])
            again = await _keys(path, key + _EXACTLY, key + 2 * _EXACTLY, ffmpeg, workdir)
            direct = bool(again) and abs(again[0] - key) <= 2 * _EXACTLY
            return Begin(key + _EXACTLY if direct else seek, key)
    return Begin(0.0, 0.0)


async def _keys(path: Path, seek: float, until: float, ffmpeg: Path, workdir: Path) -> list[float]:
    """When the first and the last key frame are shown, up to ``until`` seconds, that a copy from ``seek`` on has."""
    keys: list[float] = []
    before = ("-ss", f"{seek:.4f}")
    try:
        async with aclosing(packets(path, ffmpeg, workdir, ("-map", "0:V:0"), before=before)) as found:
            async for packet in found:
                if packet.begin is None or (packet.key and seek + packet.begin > until):
                    break
                if packet.key:
                    keys[1:] = [seek + packet.begin]
    except UserError:  # there is nothing from there on
        pass
    return keys


def whole(draft: Draft) -> Reading:
    """All of the source."""
    return Reading(Input(draft.source.path))


def copied(draft: Draft, one: Range, begin: Begin) -> Reading:
    """One range, from a key frame on; no edit list has to hide anything, since all times are counted from there."""
    _, end = one
    path = draft.source.path
    if not draft.has_video:
        # A film's sound is read from a key frame of its pictures on.
        return Reading(Input(path, _span(one)), output=("-copypriorss", "0", *_lasting(one)))
    output = ["-ss", f"{begin.lead:.4f}"] if begin.lead else []
    # Where ffmpeg seeks to the key frame, it has nothing to play before it.
    output += ["-copypriorss:a", "0"] if begin.direct else []
    if end is not None:
        output += ["-t", f"{max(0.001, end - begin.seek - begin.lead - _CHAPTER):.4f}"]
    note = f"from the key frame at {begin.key:.1f} s" if one[0] - begin.key > _SAME else ""
    first = Input(path, ("-fflags", "+genpts", "-ss", f"{begin.seek:.4f}", "-noaccurate_seek"))
    return Reading(first, output=(*output, "-avoid_negative_ts", "make_zero"), note=note)


def encoded(draft: Draft) -> Reading:
    """The ranges from frame to frame, by decoding. Raises UserError for too many."""
    path, ranges = draft.source.path, draft.ranges
    if len(ranges) == 1:
        return Reading(Input(path, _span(ranges[0])), output=("-copypriorss", "0", *_lasting(ranges[0])))
    if len(ranges) > MOST_ENCODED:
        raise UserError(f"At most {MOST_ENCODED} ranges can be encoded together; these are {len(ranges)}.")
    first, *last = (Input(path, _span(one)) for one in ranges)
    return Reading(first, tuple(last), ("-map_chapters", "-1"), filtered=True)


def _span(one: Range) -> tuple[str, ...]:
    start, end = one
    return ("-ss", f"{start:.3f}", *(("-to", f"{end:.3f}") if end is not None else ()))


def _lasting(one: Range) -> tuple[str, ...]:
    """Ends the output, too, so that no chapter goes on behind it."""
    start, end = one
    return () if end is None else ("-t", f"{end - start:.3f}")


def piece_arguments(draft: Draft, reading: Reading, ffmpeg: Path, made: Path) -> list[str]:
    """The command line that writes one range into a file of its own, to be joined with others."""
    argv = command(ffmpeg, reading.first.path, *reading.first.options)
    argv += ["-map", "0:V:0"] if draft.has_video else []
    argv += ["-map", "0:a?"] if draft.has_audio else []
    argv += ["-map", "0:s?"] if draft.has_video and draft.subtitles else []
    argv += ["-c", "copy", "-map_chapters", "-1", *reading.output, "-strict", "-2"]
    argv += ["-progress", "pipe:1", "-stats_period", "0.5", "-v", "error"]
    return [*argv, "-f", "mp4" if made.suffix == ".mp4" else "matroska", target(made)]


def piece_of(draft: Draft, number: int) -> Path:
    """Where a range is written for itself: in MP4 where it comes from one, since Matroska rounds times."""
    ending = "mp4" if draft.media.container.startswith("mov") else "mkv"
    return draft.source.path.with_name(f"{draft.source.path.name}.range{number}.{ending}")


async def length_of(draft: Draft, piece: Path, ffmpeg: Path, workdir: Path) -> float:
    """Seconds from the first picture (of sound alone, the first packet) of a piece to the end of its last one.

    What the container says is shorter where the last pictures are shown later than they are stored, and longer where
    it counts from before the first one; by the former, they would be shown in the midst of the next piece.
    """
    first, last = float("inf"), 0.0
    async with aclosing(packets(piece, ffmpeg, workdir, ("-map", "0:V:0" if draft.has_video else "0:a:0"))) as found:
        async for packet in found:
            if packet.begin is not None:
                first, last = min(first, packet.begin), max(last, packet.begin + packet.duration)
    return max(0.0, last - first)


def joined(draft: Draft, pieces: Sequence[Path], lengths: Sequence[float], note: str) -> Reading:
    """Pieces of these lengths in seconds, one after the other, by ffmpeg's concat script.

    Nothing in it comes from strangers.
    """
    script = draft.source.path.with_name(f"{draft.source.path.name}.ranges")
    quoted = (str(path.absolute()).replace("'", r"'\''") for path in pieces)
    lines = (f"file '{path}'\nduration {seconds:.6f}\n" for path, seconds in zip(quoted, lengths, strict=True))
    script.write_text("ffconcat version 1.0\n" + "".join(lines), encoding="utf-8")
    options = ("-format_whitelist", f"concat,{CONTAINERS}", "-f", "concat", "-safe", "0")
    described = (Input(draft.source.path),)
    output = ("-map_chapters", "-1")
    return Reading(Input(script, options), described, output, described=True, pieces=(*pieces, script), note=note)


def graph(draft: Draft, numbers: Sequence[int], filters: str, sound_filters: str) -> list[str]:
    """The filter that joins the inputs of these numbers, and what follows it; ``-map`` arguments come with it."""
    sound = draft.has_audio
    inputs = "".join(f"[{number}:V:0]" + (f"[{number}:a:0]" if sound else "") for number in numbers)
    text = f"{inputs}concat=n={len(numbers)}:v=1:a={int(sound)}[video]" + ("[sound]" if sound else "")
    text += f";[video]{filters or 'null'}[v]" + (f";[sound]{sound_filters or 'anull'}[a]" if sound else "")
    return ["-filter_complex", text, "-map", "[v]", *(["-map", "[a]"] if sound else [])]
