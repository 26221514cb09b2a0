"""Makes the demo's sample media with ffmpeg, once."""

import asyncio
import random
import secrets
import shutil
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa import process
from medusa.errors import Broken

VERSION = "samples-2"
"""Name of the folder that holds one complete set; a change of the recipes takes a new name."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: ``path`` relative to the folder, and words for people."""

    path: str
    title: str
    about: str


SAMPLES = (
    Sample("clip.mp4", "Video", "MP4 whose index stands at the end: Medusa rewrites it so that it starts at once"),
    Sample("streamable.mp4", "Streamable video", "MP4 that is right as it is: it comes back byte for byte"),
    Sample("sequel.mp4", "Second video", "fits behind the first one: /merge makes one of them without encoding"),
    Sample("talk.mkv", "Video with subtitles", "two tracks of them, English and German"),
    Sample("hls/index.m3u8", "HLS stream", "a playlist of segments, joined into one video"),
    Sample("hls-aes/index.m3u8", "Encrypted HLS", "AES-128 segments with the key beside them"),
    Sample("dash/manifest.mpd", "DASH stream", "picture and sound apart, merged"),
    Sample("phone.mp4", "Phone video", "stored lying down and shown upright"),
    Sample("film.mkv", "Matroska film", "H.264 in MKV, repacked as MP4 without re-encoding"),
    Sample("song.mp3", "Song", "MP3 with title, artist and cover"),
    Sample("watch.html", "Web page", "a page with a video in it"),
    Sample("notes.pdf", "Document", "a plain file"),
    Sample("archive.bin", "Big file", "12 MB of noise"),
)


@dataclass(frozen=True, slots=True)
class Samples:
    """A complete set of samples on disk."""

    folder: Path
    items: tuple[Sample, ...] = SAMPLES

    def path(self, name: str) -> Path:
        """The file of a sample by its relative path; raises KeyError for a name that is not in the set."""
        if not any(item.path == name for item in self.items):
            raise KeyError(name)
        return self.folder / name


_LOOK_FRACTAL = (
    "mandelbrot=size=480x270:rate=15:start_scale=2.6:end_scale=0.004:end_pts=90:outer=normalized_iteration_count,"
    "format=gray,format=gbrp,curves=r='0/0.04 0.35/0.25 0.6/0.95 1/1':g='0/0.02 0.4/0.1 0.7/0.65 1/1'"
    ":b='0/0.18 0.3/0.55 0.6/0.35 1/0.8',scale=640:360:flags=bicubic"
)
_LOOK_GRADIENT = (
    "gradients=size=640x360:rate=15:c0=0x12c2e9:c1=0xc471ed:c2=0xf64f59:c3=0x1a2a6c:n=4:speed=0.03:seed=7:type=spiral"
)
_LOOK_LIFE = (
    "life=size=160x90:rate=12:mold=12:ratio=0.2:seed=5:death_color=0x0b132b:life_color=0x9df9ef:mold_color=0x3a506b,"
    "scale=640:360:flags=neighbor,fps=24"
)
_LOOK_SPIRAL = (
    "gradients=size=640x360:rate=15:c0=0x0b132b:c1=0xf9c80e:c2=0xea3546:c3=0x662e9b:n=4:speed=0.05:seed=3:type=circular"
)
_LOOK_PLASMA_LYING = (
    "nullsrc=size=90x160:rate=20,format=gbrp,geq=r='128+110*sin(X/17+T*1.3)*cos(Y/23-T)'"
    ":g='60+50*sin((X+Y)/29+T*1.7)':b='150+100*sin(hypot(X-45\\,Y-80)/13-T*2)',scale=360:640:flags=bicubic,transpose=cclock"
)
_LOOK_COVER = (
    "mandelbrot=size=480x480:rate=1:start_scale=0.02,format=gray,format=gbrp,curves=g='0/0.2 1/0.9':b='0/0.3 1/1'"
)
_BELLS = (
    "aevalsrc=exprs=0.16*sin(2*PI*220*t)*exp(-2*mod(t\\,1))+0.13*sin(2*PI*330*t)*exp(-3*mod(t+0.5\\,1))"
    "+0.10*sin(2*PI*440*t)*exp(-4*mod(t\\,0.5)):s=44100"
)
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p", "-g", "30")
_AAC = ("-c:a", "aac", "-b:a", "96k", "-t", "6")
_FASTSTART = ("-movflags", "+faststart")


async def make_samples(folder: Path, ffmpeg: Path) -> Samples:
    """Return the samples under ``folder``, making them first where they are missing.

    A set appears by one rename of its whole folder, so it is complete or not there; two makers at once do not harm each
    other. Raises medusa.errors.Broken when ffmpeg cannot make them.
    """
    final = folder / VERSION
    if final.is_dir():
        return Samples(final)
    making = folder / f".making-{secrets.token_hex(4)}"
    _sweep(folder)
    try:
        making.mkdir(parents=True)
        await _make_all(making, ffmpeg)
        _publish(making, final)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Samples(final)


def _sweep(folder: Path) -> None:
    """Remove what makers left that were killed; an hour is more than any living one takes."""
    for left in folder.glob(".making-*"):
        if left.stat().st_mtime < time.time() - 3600:
            shutil.rmtree(left, ignore_errors=True)


def _publish(making: Path, final: Path) -> None:
    """Rename the finished set into place, unless another maker was faster."""
    try:
        making.rename(final)
    except OSError:
        if not final.is_dir():
            raise


async def _make_all(folder: Path, ffmpeg: Path) -> None:
    await asyncio.to_thread(_write_plain_files, folder)
    for name in ("hls", "hls-aes", "dash"):
        (folder / name).mkdir()
    _write_hls_key(folder)
    for recipes in (_ENCODED, _REPACKED):
        async with asyncio.TaskGroup() as group:
            for recipe in recipes:
                group.create_task(_ffmpeg(folder, ffmpeg, recipe))
    turn_upright(folder / "phone.mp4", 360)
    for scrap in ("hls-aes/key.info", "life.mp4", "cover.jpg", "talk.en.srt", "talk.de.srt"):
        (folder / scrap).unlink()


async def _ffmpeg(folder: Path, ffmpeg: Path, recipe: Sequence[str]) -> None:
    common = (str(ffmpeg), "-nostdin", "-hide_banner", "-v", "error", "-y")
    done = await process.run([*common, *recipe], cwd=folder, timeout=120)
    if done.code != 0:
        raise Broken(f"ffmpeg could not make the sample {recipe[-1]}: {done.err.strip()[-300:]}")


def _encode(look: str, *output: str) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", look, "-f", "lavfi", "-i", _BELLS, *_H264, *_AAC, *output)


_ENCODED = (
    _encode(_LOOK_FRACTAL, "-metadata", "title=Into the fractal", "clip.mp4"),
    _encode(_LOOK_SPIRAL, "-metadata", "title=Out of the fractal", "-t", "4", "sequel.mp4"),
    _encode(_LOOK_GRADIENT, *_FASTSTART, "streamable.mp4"),
    _encode(_LOOK_LIFE, "life.mp4"),
    _encode(_LOOK_PLASMA_LYING, "phone.mp4"),
    ("-f", "lavfi", "-i", _LOOK_COVER, "-frames:v", "1", "-update", "1", "-pix_fmt", "yuvj420p", "cover.jpg"),
)
_HLS = ("-i", "life.mp4", "-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod")
_REPACKED = (
    (*_HLS, "-hls_segment_filename", "hls/part%03d.ts", "hls/index.m3u8"),
    (
        *(*_HLS, "-hls_key_info_file", "hls-aes/key.info"),
        *("-hls_segment_filename", "hls-aes/part%03d.ts", "hls-aes/index.m3u8"),
    ),
    ("-i", "streamable.mp4", "-c", "copy", "-f", "dash", "-seg_duration", "2", "dash/manifest.mpd"),
    ("-i", "life.mp4", "-c", "copy", "-metadata", "title=Life on a grid", "film.mkv"),
    (
        *("-i", "streamable.mp4", "-i", "talk.en.srt", "-i", "talk.de.srt", "-map", "0", "-map", "1", "-map", "2"),
        *("-c", "copy", "-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu"),
        *("-metadata", "title=Talking colours", "talk.mkv"),
    ),
    (
        *("-f", "lavfi", "-t", "6", "-i", _BELLS, "-i", "cover.jpg", "-map", "0:a", "-map", "1:v", "-c:v", "copy"),
        *("-disposition:v", "attached_pic", "-c:a", "libmp3lame", "-b:a", "128k", "-id3v2_version", "3"),
        *("-metadata", "title=Bells", "-metadata", "artist=The Sine Waves", "song.mp3"),
    ),
)


def turn_upright(video: Path, height: int) -> None:
    """Give the first track, of this height in pixels, the display matrix of a phone held upright: a quarter turn right.

    The matrix stands 44 bytes behind the first letter of the track header's name (ISO/IEC 14496-12, 8.3.2). It is
    written here because ffmpeg before 6.0 has no option for it.
    """
    one = 1 << 16
    data = bytearray(video.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, 0, one, 0, -one, 0, 0, height * one, 0, 1 << 30)
    video.write_bytes(data)


def _write_hls_key(folder: Path) -> None:
    """Write the key of the encrypted stream, and for ffmpeg the file that names the key's URI and its path."""
    (folder / "hls-aes" / "key.bin").write_bytes(secrets.token_bytes(16))
    (folder / "hls-aes" / "key.info").write_text("key.bin\nhls-aes/key.bin\n")


def _write_plain_files(folder: Path) -> None:
    (folder / "notes.pdf").write_bytes(_pdf("Notes for the demo", "This page was posted by Medusa."))
    (folder / "archive.bin").write_bytes(random.Random(1).randbytes(12 * 1024 * 1024))  # noqa: S311 (noise, no secret)
    (folder / "watch.html").write_text(_WATCH_PAGE, encoding="utf-8")
    for language, lines in _SPOKEN.items():
        (folder / f"talk.{language}.srt").write_text(_subtitles(lines), encoding="utf-8")


def _subtitles(lines: Sequence[str]) -> str:
    """Lines of two seconds each, as SubRip has them."""
    return "\n".join(
        f"{at + 1}\n00:00:{2 * at:02},200 --> 00:00:{2 * at + 1:02},900\n{line}\n" for at, line in enumerate(lines)
    )


_SPOKEN = {
    "en": ("Colours are flowing.", "They speak of nothing,", "and they say it well."),
    "de": ("Farben fließen.", "Sie reden von nichts,", "und das recht schön."),
}


_WATCH_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>A page with a video</title></head>
<body><h1>A page with a video</h1><video controls src="streamable.mp4" type="video/mp4"></video></body>
</html>
"""


def _pdf(title: str, line: str) -> bytes:
    """A one-page PDF, with the byte offsets that its cross-reference table needs."""
    text = f"BT /F1 22 Tf 60 720 Td ({title}) Tj /F1 13 Tf 0 -36 Td ({line}) Tj ET"
    bodies = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(bodies) + 1
    trailer = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    return out + f"{trailer}startxref\n{len(out)}\n%%EOF\n".encode()
