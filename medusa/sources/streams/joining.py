"""Makes one playable file of the fetched tracks, without touching pictures or sound."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from medusa import process
from medusa.errors import UserError
from medusa.model import Media
from medusa.sources.streams import subtitles
from medusa.sources.streams.parts import Kind
from medusa.steps import cenc
from medusa.steps.ffmpeg import expect_room, look, target
from medusa.tools import CONTAINERS, SAFE_INPUT

_SLACK = 16 * 1024 * 1024
_SECONDS = 600.0
_RATE = 2_000_000
"""Bytes a second that any machine joins at least."""
_VIDEO = frozenset({None, "h264", "hevc", "av1", "mpeg4"})
_AUDIO = frozenset({None, "aac", "mp3", "ac3", "eac3", "opus"})
_LETTERS = {Kind.VIDEO: "V", Kind.AUDIO: "a"}
"""How ffmpeg's ``-map`` calls a kind of track; ``V`` leaves covers out."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of one track, one for each of its runs."""

    kind: Kind
    files: Sequence[Path]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Joiner:
    """Joins in one work folder, with the owner's ``keys`` by key id for what is encrypted."""

    ffmpeg: Path
    workdir: Path
    keys: Mapping[str, str]

    async def join(self, tracks: Sequence[Fetched]) -> Path:
        """Join the tracks, and the runs of each, into ``media`` with the ending that fits; returns its path.

        Raises UserError when nothing can be made of them, or a key is missing or wrong.
        """
        texts = [track for track in tracks if track.kind is Kind.TEXT]
        tracks = [track for track in tracks if track.kind is not Kind.TEXT]
        seen = [media for track in tracks if (media := await self._seen(track.files[0])) is not None]
        if not seen:
            raise UserError("The stream was fetched, but it holds nothing that can be played.")
        ending = _ending(tracks, seen)
        tags = ("-tag:v", "hvc1") if ending == ".mp4" and any(one.video_codec == "hevc" for one in seen) else ()
        locked = any(cenc.protection(file) for track in tracks for file in track.files)
        try:
            made = await self._with_texts(await self._whole(tracks, ending, tags), texts, ending, tags)
            if locked:
                await cenc.expect_playable(made, self.ffmpeg, self.workdir)
            return made.replace(self.workdir / f"media{ending}")
        finally:
            for scrap in self.workdir.glob("joined-*"):
                scrap.unlink()

    async def _whole(self, tracks: Sequence[Fetched], ending: str, tags: Sequence[str]) -> Path:
        """Side by side first and then one behind the other, so that each break keeps sound and pictures together."""
        runs = len(tracks[0].files)
        if all(len(track.files) == runs for track in tracks):
            stretches = []
            for run in range(runs):
                inputs = [Fetched(track.kind, track.files[run : run + 1]) for track in tracks]
                stretches.append(await self._beside(inputs, f"joined-{run}{ending}", tags))
            return await self._behind(stretches, f"joined-all{ending}", tags)
        whole = []
        for number, track in enumerate(tracks):
            names = [f"joined-{number}-{run}{ending}" for run in range(len(track.files))]
            stretches = [
                await self._beside([Fetched(track.kind, [file])], name, tags)
                for file, name in zip(track.files, names, strict=True)
            ]
            joined = await self._behind(stretches, f"joined-{number}{ending}", tags)
            whole.append(Fetched(track.kind, [joined]))
        return await self._beside(whole, f"joined-all{ending}", tags)

    async def _with_texts(self, made: Path, texts: Sequence[Fetched], ending: str, tags: Sequence[str]) -> Path:
        """Put subtitles into the video; those that are no WebVTT are left out."""
        argv = [*_start(self.ffmpeg), *SAFE_INPUT, "-i", target(made)]
        maps = ["-map", "0"]
        for text in texts:
            number = maps.count("-map") - 1
            file = self.workdir / f"joined-{number}.vtt"
            if len(text.files) != 1 or not await asyncio.to_thread(subtitles.join, text.files[0], file):
                continue
            safe = ["-protocol_whitelist", "file,pipe", "-format_whitelist", "webvtt"]
            argv += [*safe, "-i", target(file)]
            maps += ["-map", f"{number + 1}:s", f"-metadata:s:s:{number}", f"title={text.language}"]
            # ffmpeg takes the codes of ISO 639-2 only.
            maps += [f"-metadata:s:s:{number}", f"language={text.language}"] if len(text.language) == 3 else []
        if maps == ["-map", "0"]:
            return made
        codec = "mov_text" if ending == ".mp4" else "srt"
        argv += [*maps, *tags, "-c:s", codec]
        return await self._run(argv, [Fetched(Kind.VIDEO, [made])], f"joined-texts{ending}", [])

    async def _seen(self, file: Path) -> Media | None:
        return (await look(file, self.ffmpeg, self.workdir)).media

    async def _beside(self, tracks: Sequence[Fetched], name: str, tags: Sequence[str]) -> Path:
        """Put tracks of one file each side by side. Pictures alone bring their own sound."""
        maps: list[str] = []
        with ExitStack() as stack:
            argv = _start(self.ffmpeg)
            keep: list[int] = []
            count = 0
            for track in tracks:
                for letter, key in self._wanted(track, alone=len(tracks) == 1):
                    given, handles = _input(track.files[0], key, stack)
                    argv += given
                    keep += handles
                    maps += ["-map", f"{count}:{letter}:0?"]
                    count += 1
            return await self._run([*argv, *maps, *tags], tracks, name, keep)

    def _wanted(self, track: Fetched, *, alone: bool) -> list[tuple[str, str]]:
        """The letters of what is taken from a track's file, and the key that opens it, empty where none is needed."""
        letters = [_LETTERS[track.kind]]
        if alone and track.kind is Kind.VIDEO:
            letters.append("a")
        found = cenc.protection(track.files[0])
        kids = found.kids if found is not None else {}
        return [
            (letter, cenc.key_for(kid, self.keys) if (kid := kids.get(letter.lower())) else "") for letter in letters
        ]

    async def _behind(self, files: Sequence[Path], name: str, tags: Sequence[str]) -> Path:
        """Put files of equal tracks one behind the other."""
        if len(files) == 1:
            return files[0]
        listed = self.workdir / "joined-list"
        lines = ["ffconcat version 1.0", *(f"file {file.name}" for file in files)]
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        safe = ["-protocol_whitelist", "file,pipe", "-format_whitelist", f"concat,{CONTAINERS}"]
        argv = [*_start(self.ffmpeg), *safe, "-f", "concat", "-i", target(listed), "-map", "0", *tags]
        return await self._run(argv, [Fetched(Kind.VIDEO, files)], name, [])

    async def _run(self, argv: list[str], tracks: Sequence[Fetched], name: str, keep: Sequence[int]) -> Path:
        made = self.workdir / name
        size = sum(file.stat().st_size for track in tracks for file in track.files)
        argv += [
            "-c:v",
            "copy",
            "-c:a",
            "copy",
            "-strict",
            "-2",
            "-map_metadata",
            "-1",
            "-movflags",
            "+faststart",
            "-v",
            "error",
        ]
        done = await process.run(
            [*argv, target(made)],
            cwd=self.workdir,
            timeout=_SECONDS + size / _RATE,
            max_file=2 * size + _SLACK,
            keep=keep,
        )
        expect_room(done.err)
        cenc.expect_opened(done.err)
        if done.code:
            raise UserError("The stream was fetched, but its tracks cannot be joined into one file.")
        return made


def _start(ffmpeg: Path) -> list[str]:
    return [str(ffmpeg), "-nostdin", "-hide_banner", "-y"]


def _input(file: Path, key: str, stack: ExitStack) -> tuple[list[str], tuple[int, ...]]:
    if key:
        return stack.enter_context(cenc.keyed_input(file, key))
    return [*SAFE_INPUT, "-i", target(file)], ()


def _ending(tracks: Sequence[Fetched], seen: Sequence[Media]) -> str:
    """MP4 where it can carry the codecs, else Matroska, which carries them all."""
    fits = all(one.video_codec in _VIDEO and one.audio_codec in _AUDIO for one in seen)
    if all(track.kind is Kind.AUDIO for track in tracks):
        codec = seen[0].audio_codec
        return {"aac": ".m4a", "mp3": ".mp3"}.get(codec or "", ".mka")
    return ".mp4" if fits else ".mkv"
