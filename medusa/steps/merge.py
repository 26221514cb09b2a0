"""Makes one video or one song of all files of a job, each a chapter of it; copied where they are alike."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medusa.errors import UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import brief, display_name, safe_file_name
from medusa.steps import Files, Step, Wish
from medusa.steps.alike import Tracks, are_alike, tracks_of
from medusa.steps.arguments import muxer_of
from medusa.steps.concat import Piece, chapters_of, script_of
from medusa.steps.draft import Draft
from medusa.steps.encoders import encoder_for
from medusa.steps.ffmpeg import command, further_input, look, target
from medusa.steps.levelling import Level, level_of, songs_together, video_part
from medusa.steps.making import Work, run_work, same_length
from medusa.steps.probe import named
from medusa.tools import Tools

_PROGRESS = ("-progress", "pipe:1", "-stats_period", "0.5", "-v", "error")
_SLACK = 64 * 1024 * 1024
_LOSSLESS = 48000 * 2 * 6
"""Bytes of a second of sound in the parts, at the most."""
_AUDIO = {"mp3": "mp3", "aac": "m4a", "alac": "m4a", "opus": "ogg", "vorbis": "ogg", "flac": "flac", "pcm_s16le": "wav"}
"""The containers for sound that is copied."""
_ENCODED = {"mp3": "mp3", "aac": "m4a", "opus": "ogg", "flac": "flac"}
"""Those for sound that is encoded anew; of any other codec it becomes AAC."""


class _Merge:
    """One merge: files of one kind, and where they go."""

    def __init__(self, files: Files, order: Order, workdir: Path, ffmpeg: Path, report: Report) -> None:
        self.files = files
        self.medias = [file.media for file in files if file.media is not None]
        self.workdir, self.ffmpeg, self.report = workdir, ffmpeg, report
        first = files[0]
        self.title = order.name or f"{first.title or _stem(first.name)} (merged)"
        self.name = order.name or f"{_stem(first.name)} (merged)"
        self.tags = {"title": self.title}
        performers = {media.performer for media in self.medias}
        if len(performers) == 1 and (performer := performers.pop()):
            self.tags["artist"] = performer
        sound = round((self.seconds or 0) * _LOSSLESS)
        self.most = 2 * sum(file.path.stat().st_size for file in files) + sound + _SLACK

    @property
    def is_video(self) -> bool:
        return self.medias[0].video_codec is not None

    @property
    def seconds(self) -> float | None:
        """How long it will be; None while unknown."""
        known = [media.duration for media in self.medias if media.duration]
        return sum(known) if len(known) == len(self.medias) else None

    def pieces(self) -> list[Piece]:
        """What the result consists of."""
        titles = [_chapter(file) for file in self.files]
        ends = [media.duration or 0.0 for media in self.medias]
        return [Piece(file.path, end, title) for file, end, title in zip(self.files, ends, titles, strict=True)]

    async def run(self) -> LocalFile:
        """Copy what can be copied, and encode what can't."""
        found = [await tracks_of(file.path, self.ffmpeg, self.workdir) for file in self.files]
        if are_alike(found) and self.seconds and len({media.rotation for media in self.medias}) == 1:
            if (copied := await self._copied(found[0])) is not None:
                return copied
            self.report(Progress(note="they do not fit together as they are: encoding anew"))
        level = level_of(self.medias, found)
        return await (self._videos(level) if self.is_video else self._songs(level))

    async def _copied(self, tracks: Tracks) -> LocalFile | None:
        """The files one behind the other, packet by packet; None when that does not come out right."""
        ending = Draft(self.files[0], self.medias[0]).container
        if not self.is_video:
            ending = _AUDIO.get(self.medias[0].audio_codec or "", "mka")
        chosen = [part for number in tracks.numbers for part in ("-map", f"0:{number}")]
        hevc = ["-tag:v", "hvc1"] if self.medias[0].video_codec == "hevc" and ending == "mp4" else []
        try:
            made = await self._joined(self.pieces(), [*chosen, "-c", "copy", *hevc], ending, "")
        except UserError:
            return None
        media = made.media
        same = media and (media.video_codec, media.width, media.height) == (
            self.medias[0].video_codec,
            self.medias[0].width,
            self.medias[0].height,
        )
        return made if media and same and same_length(self.seconds, media, 0.5 + 0.1 * len(self.files)) else None

    async def _videos(self, level: Level) -> LocalFile:
        """Encode one after the other, then join the parts; those that an interrupted run has left are kept."""
        encoder = await encoder_for("h264", self.ffmpeg, self.workdir)
        parts: list[Piece] = []
        before = 0.0
        for number, (file, piece) in enumerate(zip(self.files, self.pieces(), strict=True), start=1):
            part = self.workdir / f"merge.part{number}.mov"
            if not part.exists():
                made = self.workdir / "merge.making.mov"
                argv = video_part(file, self.medias[number - 1], level, encoder, self.ffmpeg, made)
                note = f"{number} of {len(self.files)}, encoding anew since they differ"
                await run_work(argv, Work(file.name, self.most, self.seconds, before, note), self.workdir, self.report)
                made.replace(part)
            seen = (await look(part, self.ffmpeg, self.workdir)).media
            if seen is None or not seen.duration:
                raise UserError(f"{brief(file.name)} has no pictures that can be read; leave it out.")
            before += seen.duration
            parts.append(replace(piece, path=part, seconds=seen.duration))
        chosen = ["-map", "0:0", "-c:v", "copy"]
        if level.rate:
            sound = await encoder_for("aac", self.ffmpeg, self.workdir)
            chosen += ["-map", "0:1", "-filter:a", "aresample=async=1", "-c:a", sound.name, *sound.settings]
        try:
            return await self._joined(parts, chosen, "mp4", "joining")
        finally:
            for one in parts:
                one.path.unlink(missing_ok=True)

    async def _songs(self, level: Level) -> LocalFile:
        """Encode all in one go."""
        codecs = {media.audio_codec or "" for media in self.medias}
        codec = codecs.pop() if len(codecs) == 1 else ""
        codec = codec if codec in _ENCODED else "aac"
        if codec == "opus":
            level = replace(level, rate=48000)  # it knows no other rate above 24000
        encoder = await encoder_for(codec, self.ffmpeg, self.workdir)
        argv = command(self.ffmpeg, self.files[0].path)
        for file in self.files[1:]:
            argv += further_input(file.path)
        argv += await chapters_of(self.pieces(), self.tags, self.workdir)
        argv += ["-filter_complex", songs_together(self.files, level), "-map", "[sound]", "-c:a", encoder.name]
        argv += [*encoder.settings, *self._described(len(self.files))]
        return await self._made(argv, _ENCODED[codec], "encoding anew since they differ")

    async def _joined(self, pieces: Sequence[Piece], chosen: Sequence[str], ending: str, note: str) -> LocalFile:
        """Run ffmpeg over the pieces as one input; ``chosen`` says what becomes of their streams."""
        argv = [str(self.ffmpeg), "-nostdin", "-hide_banner", "-y", *await script_of(pieces, self.workdir)]
        argv += await chapters_of(pieces, self.tags, self.workdir)
        return await self._made([*argv, *chosen, *self._described(1)], ending, note)

    def _described(self, number: int) -> list[str]:
        """Take chapters and tags of the input of this number."""
        return ["-map_metadata", str(number), "-map_chapters", str(number)]

    async def _made(self, argv: list[str], ending: str, note: str) -> LocalFile:
        made = self.workdir / f"merge.made.{ending}"
        argv += [*muxer_of(ending), "-strict", "-2", *_PROGRESS, target(made)]
        first = self.files[0]
        await run_work(argv, Work(first.name, self.most, self.seconds, note=note), self.workdir, self.report)
        seen = await look(made, self.ffmpeg, self.workdir)
        if seen.media is None:
            raise UserError("Nothing came of it: what these files hold can't be put together.")
        kept = replace(seen.media, title=self.title, performer=self.tags.get("artist"))
        name = safe_file_name(self.name, extension=f".{ending}")
        title = display_name(self.title)
        return named(replace(first, path=made, name=name, media=kept, title=title, size=0, thumb=None, label=""))


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{1,10}\Z", "", name)


def _chapter(file: LocalFile) -> str:
    """What the chapter of a file is called: by what stands in it, else by its name."""
    return display_name((file.media and file.media.title) or _stem(file.name))


def refusal(files: Files) -> str:
    """Why files can't become one, in words; empty where they may."""
    if len(files) < 2:
        return "Merging takes two files or more, and this is one. Name others, too: /merge 3, or #12 #13."
    videos = [file for file in files if file.media and file.media.video_codec]
    songs = [file for file in files if file.media and not file.media.video_codec]
    others = [file for file in files if file.media is None]
    if others:
        odd = others[0]
        if odd.photo or odd.mime.startswith("image/"):
            return f"{brief(odd.name)} is a picture; only videos, or only songs, can become one."
        return f"{brief(odd.name)} is no video or song that can be read, so nothing is merged. Leave it out."
    if videos and songs:
        one, other = brief(videos[0].name), brief(songs[0].name)
        return f"{one} is a video and {other} is sound alone; only videos, or only songs, can become one."
    return ""


def _wants(file: LocalFile, order: Order) -> bool:  # noqa: ARG001 - the seam
    return "merge" in order.edits


async def _gather(files: Files, order: Order, workdir: Path, tools: Tools, report: Report) -> Files:
    if tools.ffmpeg is None:
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    if why := refusal(files):
        raise UserError(why)
    merge = await asyncio.to_thread(_Merge, files, order, workdir, tools.ffmpeg, report)
    return (await merge.run(),)


STEP = Step(
    name="merge",
    stage=20,
    wants=_wants,
    gather=_gather,
    example="clip.mp4",
    wishes=(Wish("merge", "make one of all files, each a chapter"),),
    says="merge (without encoding where they are alike)",
)
