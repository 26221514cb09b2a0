"""Fetches HLS and DASH streams from the addresses of their manifests."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from medusa.errors import UserError, first_of
from medusa.model import LocalFile, Order, Progress, Report
from medusa.names import display_name, safe_file_name
from medusa.sources import Plan, Source, content, ranged, secret
from medusa.sources.described import Description, Version
from medusa.sources.streams import choice, dash, hls
from medusa.sources.streams.fetching import Fetcher, Meter
from medusa.sources.streams.joining import Fetched, Joiner
from medusa.sources.streams.parts import Kind, Offer, Track, broken
from medusa.steps import cenc
from medusa.steps.mp4 import is_mp4
from medusa.tools import Tools

_MOST_TEXT = 16 * 1024 * 1024
"""Bytes of a manifest."""
_SOUND_SHARE = 0.07
"""What is left of the upload limit for sound beside the pictures."""
# What generators of HLS and DASH call every stream.
_NO_NAMES = frozenset({"", "index", "master", "playlist", "manifest", "main", "stream", "chunklist", "prog_index"})


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A track that is going to be fetched."""

    kind: Kind
    track: Track
    bandwidth: int
    language: str = ""


async def resolve(order: Order, workdir: Path, tools: Tools, report: Report) -> Plan | None:  # noqa: ARG001 - the seam
    """Read the manifest and choose tracks; None for what is no manifest, and for a live one, which is for yt-dlp.

    Raises UserError for what is protected by keys that the owner has not given.
    """
    chosen = await _look(order, tools, report)
    if chosen is None:
        return None
    title = display_name(_title(order.link)) or "Untitled"
    rates = [one.bandwidth for one in chosen if one.kind is not Kind.TEXT]
    seconds = max(one.track.seconds for one in chosen)
    size = int(sum(rates) * seconds / 8) or None if all(rates) else None
    return Plan(order.link, title, safe_file_name(title), size, {})


async def describe(order: Order, items: str, workdir: Path, tools: Tools) -> Description | None:  # noqa: ARG001 - the seam
    """Say which pictures the manifest offers, and what would be fetched; None where `resolve` gives none."""
    found = await _text(order.link, tools)
    chosen = await _look(order, tools, lambda _: None) if found is not None else None
    if found is None or chosen is None:
        return None
    seconds = max(one.track.seconds for one in chosen)
    offers = (dash.read(*found) if "<MPD" in found[0] else hls.read_master(*found)) or ()
    pictures = {one.lines: one for one in sorted(offers, key=lambda one: one.bandwidth) if one.kind is Kind.VIDEO}
    return Description(
        title=display_name(_title(order.link)) or "Untitled",
        kind="stream",
        duration=seconds,
        versions=tuple(_version(pictures[lines], seconds) for lines in sorted(pictures, reverse=True) if lines),
        size=int(sum(one.bandwidth for one in chosen) * seconds / 8) or None,
    )


def _version(offer: Offer, seconds: float) -> Version:
    size = int(offer.bandwidth * seconds / 8) or None
    return Version(str(offer.lines), display_name(offer.codecs), size, exact=False)


async def fetch(plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Fetch the tracks beside one another and join them; goes on with what an earlier try has left."""
    made = _made(workdir) or await _make(plan, order, workdir, tools, report)
    name = safe_file_name(order.name or plan.title, extension=made.suffix)
    return LocalFile(made, name, content.type_of(made.name), title=plan.title)


def _made(workdir: Path) -> Path | None:
    return next(workdir.glob("media.*"), None)


async def _make(plan: Plan, order: Order, workdir: Path, tools: Tools, report: Report) -> Path:
    chosen = await _look(replace(order, link=plan.link), tools, report)
    if chosen is None:
        raise UserError("The server now answers with something else in place of the stream.")
    if tools.ffmpeg is None and (len(chosen) > 1 or len(chosen[0].track.runs) > 1 or order.keys):
        raise UserError("This needs ffmpeg, which is missing on this machine.")
    meter = Meter([one.track for one in chosen], tools, report)
    fetchers = [Fetcher(f"track{n}", one.track, workdir, tools, meter) for n, one in enumerate(chosen)]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(fetcher.fetch()) for fetcher in fetchers]
    except ExceptionGroup as failed:
        raise first_of(failed) from None
    if tools.ffmpeg is None:
        return await asyncio.to_thread(_as_it_is, tasks[0].result()[0])
    report(Progress(meter.done, meter.done, "joining the tracks"))
    keys = cenc.parse_keys(order.keys) if order.keys else {}
    fetched = [Fetched(one.kind, task.result(), one.language) for one, task in zip(chosen, tasks, strict=True)]
    return await Joiner(tools.ffmpeg, workdir, keys).join(fetched)


def _as_it_is(file: Path) -> Path:
    """Name the file of a single track after what it holds."""
    with file.open("rb") as opened:
        ending = ".mp4" if is_mp4(opened.read(12)) else ".ts"
    return file.replace(file.with_name(f"media{ending}"))


async def _look(order: Order, tools: Tools, report: Report) -> list[_Chosen] | None:
    """The tracks that the order means, with fresh addresses."""
    report(Progress(note="reading the playlist"))
    found = await _text(order.link, tools)
    if found is None:
        return None
    text, base = found
    if "<MPD" in text:
        offers = await asyncio.to_thread(dash.read, text, base)
    elif hls.is_master(text):
        offers = hls.read_master(text, base)
    else:
        offers = None if hls.is_live(text) else [Offer(Kind.VIDEO, track=hls.read_media(text, base))]
    chosen = await _choose(offers, order, tools) if offers is not None else None
    if chosen is not None:
        _expect_keys([one.track for one in chosen], order)
    return chosen


def _expect_keys(tracks: Sequence[Track], order: Order) -> None:
    protected = [track.drm for track in tracks if track.drm is not None]
    if protected and not order.keys:
        raise UserError(cenc.refusal(tuple(dict.fromkeys(name for names in protected for name in names))))


async def _choose(offers: Sequence[Offer], order: Order, tools: Tools) -> list[_Chosen] | None:
    """The best pictures that fit the upload limit, as far as their size is known, and the sound that goes with them."""
    videos = choice.pictures(offers, order)
    for video in videos:
        track = await _track(video, tools)
        if track is None:
            return None
        limit = tools.upload_limit * (1 - _SOUND_SHARE)
        if video.bandwidth * track.seconds / 8 <= limit or video is videos[-1]:
            chosen = [_Chosen(Kind.VIDEO, track, video.bandwidth)]
            wanted = choice.sound_of(offers, video, order), *choice.subtitles_of(offers, video, order)
            return await _with(chosen, [offer for offer in wanted if offer is not None], tools)
    sound = choice.sound_of(offers, None, order)
    if sound is not None:
        return await _with([], [sound], tools)
    # There is no track of sound alone; the smallest pictures bring it along.
    pictures = sorted((one for one in offers if one.kind is Kind.VIDEO), key=lambda one: one.bandwidth)
    if not pictures:
        raise broken("it offers neither pictures nor sound")
    return await _with([], [replace(pictures[0], kind=Kind.AUDIO)], tools)


async def _with(chosen: list[_Chosen], offers: Sequence[Offer], tools: Tools) -> list[_Chosen] | None:
    """The tracks chosen so far and those of the offers; None when one of these is live."""
    for offer in offers:
        track = await _track(offer, tools)
        if track is None:
            return None
        chosen.append(_Chosen(offer.kind, track, offer.bandwidth, offer.language))
    return chosen


async def _track(offer: Offer, tools: Tools) -> Track | None:
    """The offer's track, for which its playlist may have to be fetched; None for a live one."""
    if offer.track is not None:
        return offer.track
    found = await _text(offer.url, tools)
    if found is None or hls.is_master(found[0]):
        raise broken("one of its playlists is none")
    return None if hls.is_live(found[0]) else hls.read_media(*found)


async def _text(link: str, tools: Tools) -> tuple[str, str] | None:
    """A manifest and the address that it came from; None when the answer is something else."""
    async with tools.web.get(link, await secret.headers_for(link, tools)) as answer:
        if answer.status != 200 and content.is_page(answer.headers, b""):
            return None
        ranged.expect(answer, 200)
        data = bytearray()
        async with aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                if not data and not content.is_manifest(answer.headers, chunk[: content.HEAD_BYTES]):
                    return None
                data += chunk
                if len(data) > _MOST_TEXT:
                    raise broken("its playlist is too big")
        return data.decode("utf-8", "replace").removeprefix("\ufeff"), answer.url


def _title(link: str) -> str:
    """The manifest's name, or that of its folder where the former says nothing."""
    folders = [unquote(part) for part in urlsplit(link).path.split("/")]
    stem = re.sub(r"\.(m3u8|mpd)\Z", "", folders[-1], flags=re.IGNORECASE)
    named = next((name for name in reversed(folders[:-1]) if name), "")
    return stem if stem.lower() not in _NO_NAMES else named or stem


SOURCE = Source(
    name="streams",
    rank=20,
    pattern=re.compile(r"https?://[^/?#]+/[^#]*[^a-z](?:m3u8|mpd)(?![a-z0-9])", re.IGNORECASE),
    resolve=resolve,
    fetch=fetch,
    read=ranged.read,
    examples=("https://cdn.example.com/lesson/master.m3u8?token=1", "http://example.com/dash/stream.mpd"),
    describe=describe,
)
