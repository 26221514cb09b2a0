"""Streams, course platforms and keys as the owner meets them: one message, one post."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from medusa import sources
from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.model import JobState
from tests.e2e.kit import send
from tests.integration.media_kit import plays
from tests.integration.source_kit import ffmpeg, make_video, serving
from tests.integration.test_streams_keys import KEY, KID, SYSTEM, lock

PLATFORM = """
import re
from medusa.sources.courses import Resolver, course

SOURCE = course(Resolver(
    name="Local School", site="127.0.0.1", rank=7, pattern=re.compile(r"http://[^/]+/lesson/(?P<id>\\w+)"),
    endpoint="ENDPOINT", headers={"X-Key": "{token}"}, urls=("data.links[0].hls",), title="data.title",
    examples=("http://127.0.0.1/lesson/7",),
))
"""


@dataclass
class Site:
    """The streams, and the API of a school."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    """Files that are refused, once each."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.asked.append(path)
        if path in self.fails:
            self.fails.remove(path)
            return web.Response(status=403)
        if path.startswith("api/"):
            if request.headers.get("X-Key") != "owner-token":
                return web.json_response({"message": "token expired"}, status=401)
            link = {"hls": f"http://{request.host}/plain.m3u8"}
            return web.json_response({"data": {"title": "The first lesson", "links": [link]}})
        file = self.folder / path
        return web.FileResponse(file) if file.is_file() else web.Response(status=404)


def make_site(folder: Path) -> None:
    make_video(folder, "video.mp4", seconds=4)
    ffmpeg("-i", "video.mp4", "-c", "copy", "-hls_time", "1", "-hls_playlist_type", "vod", "plain.m3u8", cwd=folder)
    (folder / "key").write_bytes(bytes(range(16)))
    (folder / "key.info").write_text("key\nkey\n" + "00" * 16 + "\n")
    aes = ("-hls_key_info_file", "key.info", "-hls_time", "1", "-hls_playlist_type", "vod")
    ffmpeg("-i", "video.mp4", "-c", "copy", *aes, "aes.m3u8", cwd=folder)
    ffmpeg("-i", "video.mp4", "-c", "copy", "-seg_duration", "1", "-f", "dash", "dash.mpd", cwd=folder)
    for name in "va":
        lock(folder, f"{name}.mp4", "video.mp4", "-map", f"0:{name}")
    one = '<Representation id="{0}">{2}<BaseURL>{0}.mp4</BaseURL></Representation>'
    one = f'<AdaptationSet mimeType="{{1}}/mp4">{one}</AdaptationSet>'
    sets = one.format("v", "video", SYSTEM) + one.format("a", "audio", SYSTEM)
    text = f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT4S"><Period>{sets}</Period></MPD>'
    (folder / "locked.mpd").write_text(text)


@asynccontextmanager
async def on_stage(config: Config, tmp_path: Path, samples_folder: Path) -> AsyncIterator[tuple[Stage, Site, str]]:
    (tmp_path / "site").mkdir()
    await asyncio.to_thread(make_site, tmp_path / "site")
    site = Site(tmp_path / "site")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(site.handle))
        allow = (f"127.0.0.1:{server.port}",)
        stage = await stack.enter_async_context(open_stage(config, tmp_path / "stage", samples_folder, allow))
        yield stage, site, server.url("")


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules count as sources, for a platform that is added by one file."""
    folder = tmp_path / "more"
    folder.mkdir()
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    sources.all_sources.cache_clear()
    yield folder
    sources.all_sources.cache_clear()


async def test_streams_from_message_to_post(
    config: Config,
    tmp_path: Path,
    samples: Samples,
    samples_folder: Path,
    school: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with on_stage(config, tmp_path, samples_folder) as (stage, site, url):
        (school / "school.py").write_text(PLATFORM.replace("ENDPOINT", f"{url}/api/{{id}}"))
        site.fails.append("plain2.ts")
        keys = f"--key {KID}:{KEY} --key {'b' * 32}:{'c' * 32}"
        for number, text in enumerate(
            (f"{url}/plain.m3u8", f"{url}/aes.m3u8 -q 480", f"{url}/dash.mpd", f"{url}/locked.mpd {keys}"), start=1
        ):
            messages = await send(stage, f"/dl {text} --force")
            files = [message.file for message in messages if message.file]
            assert len(files) == number, messages[0].text
        assert site.asked.count("plain1.ts") == 1
        assert site.asked.count("plain2.ts") == 2
        await _posts_play(stage, tmp_path)
        await _what_is_refused_is_said(stage, url)
        await _keys_are_forgotten(stage, url, caplog)
        await _a_lesson_is_fetched(stage, url)


async def _posts_play(stage: Stage, tmp_path: Path) -> None:
    documents = [stage.telegram.file_of(m) for m in stage.telegram.messages() if getattr(m, "media", None)]
    for document in documents:
        assert document is not None
        (tmp_path / "posted.mp4").write_bytes(document.read())
        assert await asyncio.to_thread(plays, tmp_path / "posted.mp4", 100)


async def _what_is_refused_is_said(stage: Stage, url: str) -> None:
    for words, said in (
        ("locked.mpd", "protected by DRM (Widevine). Medusa uses only keys that you hold"),
        (f"locked.mpd --key {KID}:{'0' * 32}", "The key does not open this"),
        ("locked.mpd --key 123", "--key takes KID:KEY"),
        ("lesson/aes", "Local School needs your token: /token 127.0.0.1 TOKEN"),
    ):
        messages = await send(stage, f"/dl {url}/{words} --force")
        assert any(said in message.text for message in messages), [message.text for message in messages]


async def _keys_are_forgotten(stage: Stage, url: str, caplog: pytest.LogCaptureFixture) -> None:
    await stage.owner.send(0, f"/dl {url}/locked.mpd --key {KID}:{KEY} --at +2h")
    async with asyncio.timeout(30):
        while (waiting := (await stage.app.jobs.recent(1))[0]).state is not JobState.WAITING:
            await asyncio.sleep(0.05)
    assert waiting.order.keys == f"{KID}:{KEY}"
    messages = await send(stage, f"/job {waiting.id}", f"/cancel {waiting.id}")
    assert not [message for message in messages if KEY in message.text]
    jobs = await stage.app.jobs.recent(100)
    assert all(job.state.ended for job in jobs)
    assert [job.order.keys for job in jobs if job.order.keys] == []
    assert KEY not in caplog.text


async def _a_lesson_is_fetched(stage: Stage, url: str) -> None:
    await send(stage, "/token 127.0.0.1 owner-token")
    messages = await send(stage, f"/dl {url}/lesson/7 --force")
    assert "The first lesson.mp4" in [message.file.name for message in messages if message.file]
