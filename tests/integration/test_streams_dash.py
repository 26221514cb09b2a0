"""DASH streams of every form, with descriptions written by hand, arrive as one video that plays to its end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import MedusaError, Transient, UserError
from medusa.model import LocalFile, Order
from medusa.tools import Tools
from tests.integration.media_kit import decoded
from tests.integration.source_kit import Reports, Server, ffmpeg, make_video, serving, tool_box

HEAD = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" {0}>'
PICTURES = '<AdaptationSet mimeType="video/mp4"{0}>{1}</AdaptationSet>'
SOUND = '<AdaptationSet mimeType="audio/mp4"{0}>{1}</AdaptationSet>'
ONE = '<Representation id="{0}" bandwidth="{1}" codecs="{2}" {3}>{4}</Representation>'
LONG = 'mediaPresentationDuration="PT4S"'


def mpd(*periods: str, head: str = LONG) -> str:
    return HEAD.format(head) + "".join(f"<Period>{period}</Period>" for period in periods) + "</MPD>"


def tracks(told: str, video: str = "v", audio: str = "a") -> str:
    """One video and one audio representation whose pieces are told by a template with their ids."""
    pictures = ONE.format(video, 500_000, "avc1.42c00d", 'width="320" height="180"', told)
    return PICTURES.format("", pictures) + SOUND.format("", ONE.format(audio, 70_000, "mp4a.40.2", "", told))


def template(*, timeline: str = "", more: str = "") -> str:
    names = 'media="$RepresentationID$-$Number%03d$.m4s" initialization="$RepresentationID$-init.mp4"'
    return f"<SegmentTemplate {names} {more}>{timeline}</SegmentTemplate>"


def by_number(more: str = 'duration="1" timescale="1"') -> str:
    return tracks(template(more=more))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dash")
    for number, size in (("", "320x180"), ("2", "640x360")):
        make_video(folder, f"source{number}.mp4", seconds=4, size=size)
        for letter, stream in (("v", "0:v"), ("a", "0:a")):
            _cut(folder, f"source{number}.mp4", stream, f"{letter}{number}")
    return folder


def _cut(folder: Path, source: str, stream: str, name: str) -> None:
    """Pieces of one second by number, and one file that holds them all."""
    names = ("-init_seg_name", f"{name}-init.mp4", "-media_seg_name", f"{name}-$Number%03d$.m4s")
    once = ("-i", source, "-map", stream, "-c", "copy", "-f", "dash", "-use_timeline", "0", "-seg_duration", "1")
    ffmpeg(*once, *names, f"{name}.mpd", cwd=folder)
    pieces = [folder / f"{name}-init.mp4", *sorted(folder.glob(f"{name}-0*.m4s"))]
    (folder / f"{name}.mp4").write_bytes(b"".join(piece.read_bytes() for piece in pieces))


def listed(folder: Path, name: str, *, ranges: bool) -> str:
    pieces = [folder / f"{name}-init.mp4", *sorted(folder.glob(f"{name}-0*.m4s"))]
    spans, at = [], 0
    for piece in pieces:
        spans.append(f"{at}-{at + piece.stat().st_size - 1}")
        at += piece.stat().st_size
    if ranges:
        urls = "".join(f'<SegmentURL mediaRange="{span}"/>' for span in spans[1:])
        first = f'<Initialization range="{spans[0]}"/>'
        return f'<BaseURL>{name}.mp4</BaseURL><SegmentList duration="1">{first}{urls}</SegmentList>'
    urls = "".join(f'<SegmentURL media="{piece.name}"/>' for piece in pieces[1:])
    return f'<SegmentList duration="1"><Initialization sourceURL="{pieces[0].name}"/>{urls}</SegmentList>'


def both(video: str, audio: str, base: str = "") -> str:
    pictures = ONE.format("v", 500_000, "avc1.42c00d", 'width="320" height="180"', video)
    return base + PICTURES.format("", pictures) + SOUND.format("", ONE.format("a", 70_000, "mp4a.40.2", "", audio))


def forms(folder: Path) -> dict[str, str]:
    """Descriptions of the same four seconds, or of twice those, by name."""
    lists = [[listed(folder, name, ranges=ranges) for name in "va"] for ranges in (False, True)]
    base = "<BaseURL>{}.mp4</BaseURL>"
    told = '<SegmentTimeline><S t="0" d="1000" r="{}"/></SegmentTimeline>'
    later = tracks(template(more='duration="1"'), "v2", "a2")
    return {
        "number": mpd(by_number()),
        "inherited": mpd(template(more='duration="1"') + tracks("")),
        "until-end": mpd(tracks(template(timeline=told.format(-1), more='timescale="1000"'))),
        "timeline": mpd(tracks(template(timeline=told.format(3), more='timescale="1000"')), head=""),
        "list": mpd(both(*lists[0])),
        "list-ranges": mpd(both(*lists[1])),
        "whole-files": mpd(both(base.format("v"), base.format("a"))),
        "base": mpd(both(base.format("v"), base.format("a"), "<BaseURL>./</BaseURL>")),
        "periods": HEAD.format('mediaPresentationDuration="PT8S"')
        + f'<Period duration="PT4S">{by_number()}</Period><Period start="PT4S">{later}</Period></MPD>',
    }


class Origin:
    """The site and the descriptions beside it; it refuses each of the names in ``dies`` once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts = forms(folder)
        self.dies: list[str] = []
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.asked.append(path)
        if path in self.dies:
            self.dies.remove(path)
            return web.Response(status=503)
        text = self.texts.get(path.removesuffix(".mpd"))
        if text is not None and path.endswith(".mpd"):
            return web.Response(text=text, content_type="application/dash+xml")
        file = self.folder / path
        return web.FileResponse(file) if file.is_file() else web.Response(status=404)


@pytest.fixture
def origin(site: Path) -> Origin:
    return Origin(site)


@pytest.fixture
async def server(origin: Origin) -> AsyncIterator[Server]:
    async with serving(origin.handle) as server:
        yield server


async def get(order: Order, tools: Tools, workdir: Path) -> LocalFile:
    source, plan = await sources.resolve(order, workdir, tools, Reports())
    assert source.name == "streams"
    file = await source.fetch(plan, order, workdir, tools, Reports())
    assert isinstance(file, LocalFile)
    return file


NAMES = ["number", "inherited", "until-end", "timeline", "list", "list-ranges", "whole-files", "base", "periods"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_form_arrives_whole(server: Server, tmp_path: Path, name: str) -> None:
    async with tool_box(server) as tools:
        file = await get(Order(server.url(f"/{name}.mpd")), tools, tmp_path)
    frames = 200 if name == "periods" else 100
    assert (file.name, file.mime) == (f"{name}.mp4", "video/mp4")
    seen, seconds = await asyncio.to_thread(decoded, file.path)
    assert seen == frames
    assert seconds == pytest.approx(frames / 25, abs=0.15)


@pytest.mark.parametrize(
    ("name", "third"), [("number", "v-002.m4s"), ("list-ranges", "v.mp4"), ("periods", "v2-002.m4s")]
)
async def test_a_broken_off_download_goes_on(
    server: Server, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, third: str
) -> None:
    monkeypatch.setattr("medusa.sources.streams.fetching._TRIES", 1)
    order = Order(server.url(f"/{name}.mpd"))
    origin.dies.append(third)
    async with tool_box(server) as tools:
        with pytest.raises(Transient, match="busy"):
            await get(order, tools, tmp_path)
        before = list(origin.asked)
        file = await get(order, tools, tmp_path)
    again = {path for path in origin.asked[len(before) :] if path in before and path.endswith("m4s")}
    assert len(again - {third}) <= 1
    assert (await asyncio.to_thread(decoded, file.path))[0] == (200 if name == "periods" else 100)


DRM = '<ContentProtection schemeIdUri="urn:uuid:{}"/>'
WIDEVINE = DRM.format("EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED")
PLAYREADY = DRM.format("9a04f079-9840-4286-ab92-e65be0885f95")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            mpd(PICTURES.format("", WIDEVINE + ONE.format("v", 1, "avc1", "", template(more='duration="1"')))),
            "Widevine",
        ),
        (
            mpd(PICTURES.format("", WIDEVINE + PLAYREADY + ONE.format("v", 1, "avc1", "", "<BaseURL>v.mp4</BaseURL>"))),
            r"protected by DRM \(Widevine, PlayReady\)\. Medusa uses only keys that you hold: --key KID:KEY",
        ),
        (mpd(by_number(), head=""), "how long it is"),
        (mpd(by_number('duration="1" timescale="1000000"')), "more than 100,000 pieces"),
        (mpd(tracks(template(timeline='<SegmentTimeline><S d="0"/></SegmentTimeline>'))), "lasts no time"),
        (mpd(tracks(template(timeline='<SegmentTimeline><S d="1" r="99999999999"/></SegmentTimeline>'))), "pieces"),
        (mpd(by_number()).replace("<MPD", "<!DOCTYPE x [<!ENTITY a 'b'>]><MPD"), "document type"),
        (mpd(by_number())[:-9], "no XML"),
        (mpd(), "no periods"),
        (mpd(""), "do not fit together"),
        (mpd(both("<BaseURL>file:///etc/passwd</BaseURL>", "")), "not http or https"),
        (mpd(PICTURES.format("", ONE.format("v", 1, "avc1", "", "<BaseURL>gone.mp4</BaseURL>"))), "link is dead"),
        (mpd(PICTURES.format("", ONE.format("v", 1, "avc1", "", "<BaseURL>text</BaseURL>"))), "nothing that can be"),
    ],
)
async def test_what_cannot_be_done_is_said(
    server: Server, origin: Origin, tmp_path: Path, text: str, words: str
) -> None:
    (origin.folder / "text").write_text("words " * 100)
    origin.texts["odd"] = text
    async with tool_box(server) as tools:
        with pytest.raises(MedusaError, match=words):
            await get(Order(server.url("/odd.mpd")), tools, tmp_path)


async def test_a_live_stream_is_left_to_another_source(server: Server, origin: Origin, tmp_path: Path) -> None:
    origin.texts["live"] = mpd(by_number()).replace("static", "dynamic")
    source = sources.by_name("streams")
    async with tool_box(server) as tools:
        assert await source.resolve(Order(server.url("/live.mpd")), tmp_path, tools, Reports()) is None


async def test_a_private_address_in_a_description_is_not_asked(server: Server, origin: Origin, tmp_path: Path) -> None:
    async with serving(origin.handle) as internal, tool_box(server) as tools:
        origin.texts["inner"] = mpd(by_number()).replace("<Period>", f"<Period><BaseURL>{internal.url()}</BaseURL>")
        with pytest.raises(UserError, match="private network"):
            await get(Order(server.url("/inner.mpd")), tools, tmp_path)
        assert internal.requests == []
