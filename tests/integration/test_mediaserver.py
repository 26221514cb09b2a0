"""The demo's web server hands out files with ranges, and gives every bad answer that it promises."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from medusa.demo.mediaserver import BAD_LINKS, HOSTILE_NAMES, MediaServer, serve_media

CLIP = random.Random(7).randbytes(100_000)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[MediaServer]:
    folder = tmp_path / "set"
    (folder / "hls").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("not for you")
    for name in ("clip.mp4", "streamable.mp4"):
        (folder / name).write_bytes(CLIP)
    (folder / "hls" / "index.m3u8").write_text("#EXTM3U\n")
    async with serve_media(folder) as running:
        yield running


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_file_comes_whole_and_typed(server: MediaServer, web: aiohttp.ClientSession) -> None:
    async with web.get(server.link("clip.mp4")) as answer:
        assert (answer.status, answer.content_type) == (200, "video/mp4")
        assert await answer.read() == CLIP
    async with web.get(server.link("hls/index.m3u8")) as answer:
        assert answer.content_type == "application/vnd.apple.mpegurl"


@pytest.mark.parametrize("path", ["clip.mp4", "slow/clip.mp4?rate=100000000"])
@pytest.mark.parametrize(("asked", "start", "stop"), [("500-999", 500, 1000), ("99990-", 99990, 100_000)])
async def test_ranges(
    server: MediaServer, web: aiohttp.ClientSession, path: str, asked: str, start: int, stop: int
) -> None:
    async with web.get(server.link(path), headers={"Range": f"bytes={asked}"}) as answer:
        assert answer.status == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CLIP)}"
        assert await answer.read() == CLIP[start:stop]


@pytest.mark.parametrize("path", ["clip.mp4", "slow/clip.mp4"])
async def test_a_range_beyond_the_end_is_refused(server: MediaServer, web: aiohttp.ClientSession, path: str) -> None:
    async with web.get(server.link(path), headers={"Range": "bytes=100000-"}) as answer:
        assert answer.status == 416


async def test_bad_answers(server: MediaServer, web: aiohttp.ClientSession) -> None:
    async with web.get(server.link("/dead")) as answer:
        assert answer.status == 404
    async with web.get(server.link("/empty.mp4")) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
    async with web.get(server.link("/page")) as answer:
        assert answer.content_type == "text/html"
    async with web.get(server.link("/truncated.mp4")) as answer:
        assert await answer.read() == CLIP[:60_000]
    async with web.get(server.link("/redirect?to=/clip.mp4")) as answer:
        assert str(answer.url) == server.link("clip.mp4")


async def test_a_cut_answer_ends_before_its_length_and_can_be_resumed(
    server: MediaServer, web: aiohttp.ClientSession
) -> None:
    got = b""
    async with web.get(server.link("cut/clip.mp4")) as answer:
        assert answer.content_length == len(CLIP)
        with pytest.raises(aiohttp.ClientPayloadError):
            async for chunk in answer.content.iter_any():
                got += chunk
    assert got == CLIP[:50_000]
    async with web.get(server.link("cut/clip.mp4"), headers={"Range": "bytes=50000-"}) as answer:
        assert await answer.read() == CLIP[50_000:]


async def test_huge_announces_fifty_gigabytes_and_survives_the_hang_up(
    server: MediaServer, web: aiohttp.ClientSession
) -> None:
    async with web.get(server.link("/huge")) as answer:
        assert answer.content_length == 50_000_000_000
        assert await answer.content.readexactly(1000) == bytes(1000)
    async with web.head(server.link("/huge")) as answer:
        assert answer.headers["Content-Length"] == "50000000000"


@pytest.mark.parametrize("which", sorted(HOSTILE_NAMES))
async def test_hostile_names_arrive_as_they_are(server: MediaServer, web: aiohttp.ClientSession, which: str) -> None:
    async with web.get(server.link(f"/name/{which}")) as answer:
        assert answer.content_disposition is not None
        raw = answer.headers["Content-Disposition"]
    assert raw.startswith("attachment; filename*=UTF-8''")
    assert aiohttp.multipart.parse_content_disposition(raw)[1]["filename*"] == HOSTILE_NAMES[which]


def test_the_long_name_has_400_bytes() -> None:
    assert len(HOSTILE_NAMES["long"].encode()) == 400


async def test_nothing_outside_the_folder_is_served(server: MediaServer, web: aiohttp.ClientSession) -> None:
    for path in ("..%2fsecret.txt", "hls/..%2f..%2fsecret.txt", "%2e%2e/secret.txt", "slow/..%2fsecret.txt"):
        async with web.get(f"{server.url}/{path}") as answer:
            assert answer.status == 404, path


async def test_the_index_lists_the_samples_and_the_bad_links(server: MediaServer, web: aiohttp.ClientSession) -> None:
    async with web.get(server.url) as answer:
        page = await answer.text()
    for path in ("/clip.mp4", "/hls-aes/index.m3u8", *BAD_LINKS):
        assert f'href="{path}"' in page
    assert "onerror" not in page
