"""Builds yt-dlp's command line: what it may do, and which formats it is to take."""

import re
import sys
from pathlib import Path

from medusa.errors import UserError
from medusa.model import Order
from medusa.net import Lease
from medusa.tools import CONTAINERS, SAFE_INPUT, Tools

_POSTPROCESSORS = {
    **dict.fromkeys(
        (
            "Merger",
            "ExtractAudio",
            "FixupM3u8",
            "FixupM4a",
            "FixupStretched",
            "FixupTimestamp",
            "FixupDuration",
            "FixupDuplicateMoov",
        ),
        "",
    ),
    "Metadata": ",ffmetadata",
    "EmbedSubtitle": ",srt,webvtt",
    "SubtitlesConvertor": ",srt,webvtt,ass",
}
"""What may start ffmpeg, each with the formats that it reads beside media: those hold text and lead nowhere."""
_EXPRESSION = re.compile(r"[A-Za-z0-9*+/,().:=<>!?^$~%|& \[\]{}_'\"@-]{1,300}")
"""What format expressions are written with (https://github.com/yt-dlp/yt-dlp#format-selection)."""
_SORT = re.compile(r"[+]?[a-z_]+(?:[:~][A-Za-z0-9.+:_-]+)?")
_MOST_SORTED = 20
_LANGUAGE = re.compile(r"-?(?:all|[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*(?:\.\*)?)")
_SPOKEN = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}")


def base(tools: Tools) -> list[str]:
    """Return yt-dlp's command line up to what is asked of it; nothing of the owner's own set-up is read, nothing else
    started. It runs in `environment`.
    """
    # Like -I, but for the folder that the environment may name; children get no other of Python's variables.
    argv = [sys.executable, "-s", "-P", "-m", "yt_dlp", "--ignore-config", "--no-plugin-dirs", "--no-exec"]
    argv += ["--no-remote-components", "--no-cache-dir", "--no-cookies-from-browser", "--color", "never"]
    argv += ["--downloader", "native", "--concat-playlist", "never", "--no-mtime"]
    argv += ["--abort-on-unavailable-fragments", "--socket-timeout", "30", "--retries", "3", "--fragment-retries", "3"]
    argv += ["--max-filesize", str(tools.max_bytes), "--merge-output-format", "mp4/mkv"]
    # yt-dlp passes on ffmpeg's last line alone; at this level it is what went wrong.
    before = " ".join((*SAFE_INPUT, "-loglevel", "repeat+error"))
    for name, text in _POSTPROCESSORS.items():
        argv += ["--postprocessor-args", f"{name}+ffmpeg_i:{before.replace(CONTAINERS, CONTAINERS + text)}"]
    argv += ["--ffmpeg-location", str(tools.ffmpeg)] if tools.ffmpeg else []
    argv += ["--no-js-runtimes", "--js-runtimes", tools.javascript] if tools.javascript else []
    return argv


def formats(order: Order, tools: Tools) -> list[str]:
    """Choose formats: the wanted height, then what MP4 and every player can take, so that nothing need be re-encoded.

    A version that is known to exceed the upload limit is passed over; one of unknown size is not. What the order says
    itself of formats and their sorting goes before all that.
    """
    fit = f"[filesize<?{tools.upload_limit}][filesize_approx<?{tools.upload_limit}]"
    # The sound of a separate track must fit beside the picture.
    picture = int(tools.upload_limit * 0.93)
    video = f"bv*[filesize<?{picture}][filesize_approx<?{picture}]+ba/" if tools.ffmpeg else ""
    height = f"res:{order.quality}" if order.quality.isdigit() else "res"
    chosen, sort, more = f"{video}b{fit}", f"{height},vcodec:h264,acodec:aac,ext:mp4:m4a", []
    if order.quality == "audio":
        chosen, sort = f"ba{fit}/b{fit}", "acodec:aac,ext"
        more = ["--extract-audio"] if tools.ffmpeg else []
    return [f"--format={order.formats or chosen}", f"--format-sort={order.sort or sort}", *more]


def extras(order: Order, tools: Tools) -> list[str]:
    """What is put into the file beside picture and sound: chapters, whose sound it is, and the subtitles that the
    order names.

    Subtitles that a machine wrote will do, but not when all are asked for: sites have those in a hundred languages.
    """
    if not tools.ffmpeg:
        return []
    subtitles = []
    tags = ["--embed-metadata", "--no-embed-info-json"] if order.quality == "audio" else []
    if order.subtitles and order.quality != "audio":
        subtitles = ["--write-subs", "--embed-subs", "--convert-subs", "srt", "--sub-format", "vtt/srt/best"]
        subtitles += [f"--sub-langs={order.subtitles}", *([] if "all" in order.subtitles else ["--write-auto-subs"])]
    return ["--embed-chapters", *tags, *subtitles]


def proxy(lease: Lease) -> dict[str, str]:
    """Return the proxy as environment, where other users of the machine cannot read it (the command line they
    could).
    """
    return dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), lease.url)


def from_folder(folder: Path | None) -> dict[str, str]:
    """Return the environment in which Python takes yt-dlp from this folder, if there is one."""
    return {"PYTHONPATH": str(folder)} if folder else {}


def environment(lease: Lease, tools: Tools) -> dict[str, str]:
    """Return yt-dlp's environment: the proxy, and where its newer version lies."""
    return {**proxy(lease), **from_folder(tools.newer())}


def expression(text: str) -> str:
    """A format expression as it may be handed on. Raises UserError."""
    if not _EXPRESSION.fullmatch(text) or text.strip().lower() == "-":
        raise UserError("-f takes a format expression of yt-dlp such as bv*[height<=720]+ba/b, at most 300 characters.")
    return text


def sorting(text: str) -> str:
    """A list of sort fields as it may be handed on. Raises UserError."""
    fields = text.split(",")
    if len(fields) > _MOST_SORTED or not all(len(one) <= 40 and _SORT.fullmatch(one) for one in fields):
        raise UserError("-S takes sort fields of yt-dlp such as res:720,vcodec:h264, with commas between.")
    return text


def languages(text: str) -> str:
    """Languages of subtitles as they may be handed on: ``en,de`` or ``all``. Raises UserError."""
    named = text.replace(" ", "").split(",")
    if len(named) > _MOST_SORTED or not all(_LANGUAGE.fullmatch(one) for one in named):
        raise UserError("--subs takes languages such as en or en,pt-BR, or all.")
    return ",".join(named)


def language(text: str) -> str:
    """The language of the sound as it may be looked for. Raises UserError."""
    if not _SPOKEN.fullmatch(text):
        raise UserError("--lang takes one language such as en or pt-BR.")
    return text
