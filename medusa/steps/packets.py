"""Lists the packets of a media file in the order in which a muxer gets them, without decoding anything."""

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa import process
from medusa.cage import Cage
from medusa.errors import UserError
from medusa.steps.ffmpeg import command

_STALLED = 600.0
"""Seconds without a packet after which ffmpeg hangs."""
_COMPUTING = 3600
"""Seconds of one processor."""
_UNKNOWN = -(2**63)
"""How ffmpeg writes a time that it does not know."""
_TIME_BASE = re.compile(r"#tb (\d+): (\d+)/(\d+)")
_KIND = re.compile(r"#media_type (\d+): (\w+)")
_PACKET = re.compile(r"(\d+), *(-?\d+), *(-?\d+), *(-?\d+), *(\d+), 0x[0-9a-f]+(?:, F=0x([0-9A-F]+))?")
_KEY = 1
"""https://ffmpeg.org/doxygen/trunk/group__lavc__packet.html: AV_PKT_FLAG_KEY."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: ``stream`` counts those that were asked for, ``kind`` is for instance ``video``.

    ``begin`` is the second at which it is shown, or decoded where the file does not say more; ``duration`` is seconds,
    ``size`` bytes. ``key`` says that decoding may begin here.
    """

    stream: int
    kind: str
    begin: float | None
    duration: float
    size: int
    key: bool


class Reader:
    """Reads the lines of ffmpeg's muxer ``framecrc``."""

    def __init__(self) -> None:
        self._units: dict[str, float] = {}
        self._kinds: dict[str, str] = {}

    def packet(self, line: str) -> Packet | None:
        """The packet that a line tells of; None for one that tells of something else."""
        if found := _TIME_BASE.match(line):
            self._units[found[1]] = int(found[2]) / int(found[3])
        elif found := _KIND.match(line):
            self._kinds[found[1]] = found[2]
        elif found := _PACKET.match(line):
            stream, decoded, shown, duration, size, flags = found.groups()
            known = [int(time) for time in (shown, decoded) if int(time) != _UNKNOWN]
            unit = self._units.get(stream, 0.0)
            # Nothing but a key frame goes without saying.
            key = flags is None or bool(int(flags, 16) & _KEY)
            begin = known[0] * unit if known else None
            return Packet(int(stream), self._kinds.get(stream, ""), begin, max(0, int(duration)) * unit, int(size), key)
        return None


async def packets(
    path: Path, ffmpeg: Path, workdir: Path, maps: Sequence[str], *, before: Sequence[str] = ()
) -> AsyncGenerator[Packet, None]:
    """The packets of the streams that ``maps`` names as arguments; ``before`` are options of the input.

    They come one by one, of a file of any size. Raises UserError for what ffmpeg cannot read, and Broken when it hangs.
    """
    argv = [*command(ffmpeg, path, "-fflags", "+genpts", *before), *maps, "-c", "copy"]
    argv += ["-avoid_negative_ts", "disabled", "-v", "error", "-f", "framecrc", "pipe:1"]
    reader = Reader()
    async with process.child(argv, cwd=workdir, cage=Cage(cpu=_COMPUTING)) as running:
        async for line in running.lines(_STALLED):
            if (packet := reader.packet(line)) is not None:
                yield packet
        if await running.wait():
            raise UserError(f"{path.name} cannot be read to its end.")
