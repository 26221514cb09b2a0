"""Finds out what a fetched file is, and gives it the type and the extension that fit."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from medusa.errors import UserError
from medusa.model import LocalFile, Media, Order, Progress, Report
from medusa.names import safe_file_name
from medusa.steps import Step, cenc
from medusa.steps.ffmpeg import look
from medusa.tools import Tools

_VIDEO = {
    "mov": ("video/mp4", (".mp4", ".m4v")),
    "matroska": ("video/x-matroska", (".mkv", ".webm", ".mk3d")),
    "avi": ("video/x-msvideo", (".avi",)),
    "mpegts": ("video/mp2t", (".ts", ".m2ts", ".mts")),
    "flv": ("video/x-flv", (".flv",)),
}
_AUDIO = {
    "mov": ("audio/mp4", (".m4a", ".m4b", ".mp4")),
    "mp3": ("audio/mpeg", (".mp3",)),
    "ogg": ("audio/ogg", (".ogg", ".opus", ".oga")),
    "flac": ("audio/flac", (".flac",)),
    "wav": ("audio/x-wav", (".wav",)),
    "aac": ("audio/aac", (".aac",)),
    "matroska": ("audio/webm", (".webm", ".weba", ".mka")),
}


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    if tools.ffmpeg is None:
        if file.mime.startswith(("video/", "audio/")):
            report(Progress(note="ffmpeg is missing: posted as a plain file"))
        return replace(file, media=None)
    if not order.as_document and (found := cenc.protection(file.path)) is not None:
        raise UserError(f"{cenc.refusal(found.systems)}, or --doc to have it as it is.")
    seen = await look(file.path, tools.ffmpeg, workdir, name=file.name)
    if seen.layout and seen.layout.cut:
        report(Progress(note="the video is cut off: posted as a plain file"))
        return _plain(file)
    if seen.media is None:
        if file.mime.startswith(("video/", "audio/")):
            report(Progress(note="the media cannot be read: posted as a plain file"))
        return _plain(file)
    return named(replace(file, media=seen.media), quicktime=bool(seen.layout and seen.layout.brand == "qt"))


def _plain(file: LocalFile) -> LocalFile:
    """Take away a type that promises what the file does not hold."""
    media = file.mime.startswith(("video/", "audio/"))
    return replace(file, media=None, mime="application/octet-stream" if media else file.mime)


def named(file: LocalFile, *, quicktime: bool = False) -> LocalFile:
    """Give the type of the container, and its extension where the name's own means another one."""
    media = file.media
    if media is None:
        return file
    known = (_VIDEO if media.video_codec else _AUDIO).get(re.split(r"[, ]", media.container)[0])
    if known is None:
        return replace(file, mime=_other(file, media))
    mime, endings = known
    if quicktime and media.video_codec:
        mime, endings = "video/quicktime", (".mov", ".qt")
    ending = PurePosixPath(file.name.lower()).suffix
    if ending == ".webm" and media.video_codec:
        mime = "video/webm"
    name = file.name if ending in endings else safe_file_name(_stem(file.name), extension=endings[0])
    return replace(file, mime=mime, name=name)


def _other(file: LocalFile, media: Media) -> str:
    kind = "video/" if media.video_codec else "audio/"
    return file.mime if file.mime.startswith(kind) else f"{kind}mpeg"


def _stem(name: str) -> str:
    """Take off an extension of a media file; the end of ``v1.2 Finale`` is none."""
    return re.sub(
        r"\.(mp4|m4v|mov|mkv|webm|avi|ts|flv|m4a|mp3|ogg|opus|flac|wav|aac|bin)\Z", "", name, flags=re.IGNORECASE
    )


STEP = Step(name="probe", stage=10, wants=lambda file, _: not file.photo, run=_run, example="anything.bin", peeks=True)
