"""What is found out about a link before it is fetched, and which version is taken, through the real yt-dlp."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from medusa import sources
from medusa.errors import Transient, UserError
from medusa.model import Order, Secrets
from medusa.sources import ytdlp, ytdlp_info
from medusa.sources.described import Description
from medusa.sources.looking import Looks, clear
from medusa.storage import open_store
from medusa.storage.answers import KEPT_FOR, MOST, Answers
from medusa.tools import Tools
from tests.integration.extractor_answers import FACEBOOK, INSTAGRAM, MB, TIKTOK, YOUTUBE, X
from tests.integration.source_kit import Reports, Server, ffmpeg, folder_handler, make_video, serving, tool_box

SITES: list[tuple[str, dict[str, Any]]] = [
    ("https://www.youtube.com/watch?v=aqz-KE-bpKQ", YOUTUBE),
    ("https://www.instagram.com/reel/DAxample/", INSTAGRAM),
    ("https://www.tiktok.com/@dancer/video/7000000000000000001", TIKTOK),
    ("https://x.com/somebody/status/1800000000000000001", X),
    ("https://www.facebook.com/watch/?v=1000000000000001", FACEBOOK),
]
PICKS = [
    (YOUTUBE, {}, ["299", "140"], "1080", "the best that fits the upload limit of 2.0 GB"),
    (YOUTUBE, {"quality": "720"}, ["136", "140"], "720", "720 was asked for"),
    (YOUTUBE, {"quality": "480"}, ["18"], "360", "480 was asked for"),
    (YOUTUBE, {"quality": "audio"}, ["140"], "audio", "sound alone was asked for"),
    (YOUTUBE, {"formats": "bv[vcodec^=vp9][height=720]+ba[acodec=opus]"}, ["247", "251"], "720", ""),
    (YOUTUBE, {"sort": "+size"}, ["18"], "360", ""),
    (INSTAGRAM, {}, ["dash-1v", "dash-1a"], "1920", "the best there is"),
    (TIKTOK, {}, ["bytevc1_720p"], "1280", "the best there is"),
    (X, {"quality": "360"}, ["http-832"], "360", "360 was asked for"),
    (FACEBOOK, {}, ["1v", "1a"], "1080", "the best there is"),
]


@pytest.mark.parametrize(("link", "info"), SITES, ids=[info["extractor"] for _, info in SITES])
def test_big_sites_are_not_looked_at_by_others_first(link: str, info: dict[str, Any]) -> None:
    first = next(source for source in sources.all_sources() if source.pattern.match(link))
    assert first.name == "sites"
    assert info["formats"]


@pytest.mark.parametrize(("info", "wish", "formats", "quality", "why"), PICKS)
async def test_which_formats_are_taken(
    tmp_path: Path, info: dict[str, Any], wish: dict[str, Any], formats: list[str], quality: str, why: str
) -> None:
    order = replace(Order("https://example.com/x"), **wish)
    async with tool_box() as tools:
        picked = await ytdlp._choose(info, order, tmp_path, tools)
    assert [one["format_id"] for one in ytdlp_info.chosen(picked)] == formats
    found = ytdlp_info.describe(picked, order, tools.upload_limit)
    assert found.taken is not None
    assert found.taken.quality == quality
    assert why in found.why
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("expression", ["bv*[height<=", "b[height>>5]", "b+", "(b", "b[foo=~'(']"])
async def test_an_expression_that_makes_no_sense(tmp_path: Path, expression: str) -> None:
    order = Order("https://example.com/x", formats=expression)
    async with tool_box() as tools:
        with pytest.raises(UserError, match=r"-f or -S|no version"):
            await ytdlp._choose(YOUTUBE, order, tmp_path, tools)


async def test_a_video_is_described(tmp_path: Path) -> None:
    order = Order("https://www.youtube.com/watch?v=aqz-KE-bpKQ")
    async with tool_box() as tools:
        found = ytdlp_info.describe(await ytdlp._choose(YOUTUBE, order, tmp_path, tools), order, tools.upload_limit)
    assert (found.title, found.site, found.author) == ("Big Buck Bunny 60fps 4K", "Youtube", "Blender")
    assert (found.published, found.duration, found.chapters, found.subtitles) == ("2014-11-10", 635, 2, ("en",))
    assert [one.quality for one in found.versions] == ["2160", "1080", "720", "360", "audio"]
    assert [one.size for one in found.versions][-2:] == [40 * MB, 10 * MB]
    assert str(found.taken) == "1080p · h264 + aac · 410 MB"


@pytest.fixture
async def tools(tmp_path: Path, server: Server) -> AsyncIterator[Tools]:
    """A tool box that remembers answers."""
    async with open_store(tmp_path / "state") as store, tool_box(server) as box:
        yield replace(box, answers=Answers(store))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    make_video(folder, "video.mp4", "-movflags", "+faststart", seconds=2)
    ffmpeg("-i", "video.mp4", "-c", "copy", "-f", "dash", "dash.mpd", cwd=folder)
    items = [f"<item><title>Part {n}</title><link>http://127.0.0.1/{n}.mp4</link></item>" for n in range(50_000)]
    for name, count in (("many", 50_000), ("few", 50)):
        listed = "".join(items[:count])
        (folder / f"{name}.html").write_text(f"<rss version='2.0'><channel><title>Many</title>{listed}</channel></rss>")
    (folder / "odd.html").write_text(
        "<!doctype html><title>Odd</title><video src='file:///etc/passwd'></video><video src='/odd.html'></video>"
        "<video src='/1.mp4'></video><video src='/2.mp4'></video>"
    )
    return folder


@pytest.fixture
async def server(site: Path) -> AsyncIterator[Server]:
    async with serving(folder_handler(site)) as server:
        yield server


def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


async def test_a_site_is_asked_once_for_what_it_answers(tmp_path: Path, tools: Tools, server: Server) -> None:
    order = Order(server.url("/dash.mpd"))
    first = await ytdlp.describe(order, "", folder(tmp_path, "a"), tools)
    asked = len(server.requests)
    plan = await ytdlp.resolve(order, folder(tmp_path, "b"), tools, Reports())
    again = await ytdlp.describe(replace(order, quality="audio"), "", folder(tmp_path, "c"), tools)
    assert len(server.requests) == asked
    assert (first.kind, first.taken and first.taken.quality) == ("video", "180")
    assert again.taken is not None
    assert again.taken.quality == "audio"
    file = await ytdlp.fetch(plan, order, tmp_path / "b", tools, Reports())
    assert file.path.stat().st_size > 1000
    others = Secrets(cookies="# Netscape HTTP Cookie File\n"), Secrets(headers={"X-Key": "1"}), Secrets(token="2")
    for number, login in enumerate(others):
        asked = len(server.requests)
        other = replace(tools, secrets=knowing(login))
        await ytdlp.describe(order, "", folder(tmp_path, f"d{number}"), other)
        assert len(server.requests) > asked
        assert not list((tmp_path / f"d{number}").iterdir())


def knowing(login: Secrets) -> Callable[[str], Awaitable[Secrets]]:
    async def secrets(_link: str) -> Secrets:
        return login

    return secrets


async def test_addresses_that_have_expired_are_asked_for_anew(tmp_path: Path, tools: Tools, server: Server) -> None:
    order = Order(server.url("/dash.mpd"))
    plan = await ytdlp.resolve(order, tmp_path, tools, Reports())
    note = tmp_path / "info.json"
    kept = json.loads(note.read_text().replace("chunk-stream", "gone-stream").replace("init-stream", "gone-stream"))
    note.write_text(json.dumps({**kept, "medusa_at": kept["medusa_at"] - 600}))
    with pytest.raises(Transient, match="expired"):
        await ytdlp.fetch(plan, order, tmp_path, tools, Reports())
    asked = len(server.requests)
    await ytdlp.fetch(plan, order, tmp_path, tools, Reports())
    assert "/dash.mpd" in {request.path for request in server.requests[asked:]}


async def test_answers_are_bounded_and_grow_old(tmp_path: Path) -> None:
    now = 1000.0
    async with open_store(tmp_path) as store:
        answers = Answers(store, lambda: now)
        for number in range(MOST + 5):
            now += 1
            await answers.put(str(number), b"x" * number)
        assert await store.read("SELECT count(*) FROM answers") == [(MOST,)]
        assert await answers.get("4") is None
        assert await answers.get("5") == b"xxxxx"
        await answers.forget("5")
        assert await answers.get("5") is None
        await answers.put("big", bytes(range(256)) * 40_000_0)
        now += KEPT_FOR
        assert await answers.get("50") is None
        await answers.put("new", b"1")
        assert await store.read("SELECT key FROM answers") == [("new",)]


async def look(server: Server, tmp_path: Path, path: str, items: str = "") -> Description:
    async with tool_box(server) as tools:
        looks = Looks(lambda _: tools, tmp_path / "looks")
        found = await looks.describe(Order(server.url(path)), items)
        assert not list((tmp_path / "looks").iterdir())
        return found


async def test_a_direct_file_is_described(server: Server, site: Path, tmp_path: Path) -> None:
    found = await look(server, tmp_path, "/video.mp4")
    assert (found.kind, found.size, found.resumable) == ("video/mp4", (site / "video.mp4").stat().st_size, True)


async def test_a_list_of_50_000_is_cut(server: Server, tmp_path: Path) -> None:
    found = await look(server, tmp_path, "/many.html", "2:4,9:9,49999:50000")
    assert (found.kind, found.title, found.count) == ("playlist", "Many", 50_000)
    assert [entry.link for entry in found.entries] == [
        f"http://127.0.0.1/{number}.mp4" for number in (1, 2, 3, 8, 49_998, 49_999)
    ]
    assert found.entries[0].title == "Part 1"


async def test_of_a_list_the_first_ten_are_named_unless_others_are_asked_for(server: Server, tmp_path: Path) -> None:
    found = await look(server, tmp_path, "/few.html")
    assert (found.count, [entry.title for entry in found.entries]) == (50, [f"Part {number}" for number in range(10)])


async def test_a_playlist_leads_neither_to_itself_nor_to_files(server: Server, tmp_path: Path) -> None:
    found = await look(server, tmp_path, "/odd.html", "1:50")
    assert [entry.link for entry in found.entries] == [server.url("/1.mp4"), server.url("/2.mp4")]


async def test_what_leads_nowhere_leaves_nothing(server: Server, tmp_path: Path) -> None:
    async with tool_box(server) as tools:
        looks = Looks(lambda _: tools, tmp_path / "looks")
        (tmp_path / "looks" / "left").mkdir(parents=True)
        await clear(tmp_path / "looks")
        with pytest.raises(UserError, match="dead"):
            await looks.describe(Order(server.url("/none.m3u8")))
        assert not list((tmp_path / "looks").iterdir())


async def test_a_missing_page_is_named(tmp_path: Path) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=429)

    async with serving(busy) as server:
        with pytest.raises(Transient, match="alone"):
            await look(server, tmp_path, "/x.m3u8")
