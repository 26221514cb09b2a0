"""What a link is, which version is taken, and playlists: from the words to the posts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.model import JobState
from tests.e2e.kit import post
from tests.integration.source_kit import Server, ffmpeg, folder_handler, make_video, serving

PAGE = "<!doctype html><title>The course</title>" + "".join(f'<video src="/{n}.mp4"></video>' for n in (1, 2, 3))
MASTER = "#EXTM3U\n" + "".join(
    f'#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={size},CODECS="avc1.42c00c,mp4a.40.2"\n{name}.m3u8\n'
    for rate, size, name in ((400_000, "320x180", "high"), (100_000, "160x90", "low"))
)


@dataclass
class Site:
    """A web site on which a page can be kept waiting."""

    server: Server
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def link(self, path: str) -> str:
        return self.server.url(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    hls = ("-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod")
    for name, size in (("high", "320x180"), ("low", "160x90")):
        make_video(folder, f"{name}.m3u8", *hls, seconds=2, size=size)
    (folder / "film").mkdir()
    (folder / "film" / "master.m3u8").write_text(MASTER.replace("high", "/high").replace("low", "/low"))
    for number in (1, 2, 3):
        ffmpeg(
            "-f",
            "lavfi",
            "-i",
            f"testsrc2=s=64x{48 + 2 * number}:d=1",
            "-pix_fmt",
            "yuv420p",
            f"{number}.mp4",
            cwd=folder,
        )
    (folder / "film.html").write_text('<!doctype html><title>A film</title><video src="/film/master.m3u8"></video>')
    (folder / "list.html").write_text(PAGE)
    return folder


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    serve = folder_handler(folder)

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow.html":
            here.asked.set()
            await here.go.wait()
            return web.Response(text=PAGE, content_type="text/html")
        return await serve(request)

    async with serving(handle) as server:
        here = Site(server)
        yield here


async def answered(stage: Stage, text: str, reply_to: int | None = None) -> tuple[int, str]:
    """Write a message; returns its number and how it reads once it was answered."""
    place = await stage.owner.send(0, text, reply_to=reply_to)
    async with asyncio.timeout(100):
        while True:
            message = await stage.owner.message(0, place)
            if message is None or message.text != text:
                return place, message.text if message else ""
            await asyncio.sleep(0.02)


async def test_a_link_is_looked_at_chosen_from_and_fetched(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path, folder: Path
) -> None:
    async with (
        site(folder) as here,
        open_stage(config, tmp_path, samples_folder, [f"127.0.0.1:{here.server.port}"]) as stage,
    ):
        film = here.link("/film.html")
        _, text = await answered(stage, f"/info {film}")
        lines = text.split("\n")
        assert lines[0] == "A film"
        assert lines[1].startswith("video · 127.0.0.1")
        assert [line.split(" · ")[0] for line in lines[2:4]] == ["180p", "90p"]
        assert lines[4].startswith("Would be taken: 180p · h264 + aac · ")
        assert lines[4].endswith("; the best there is")
        asked = len(here.server.requests)
        menu, text = await answered(stage, f'/dl {film} -q ask -c "So it {{}} is" --silent')
        assert text.startswith("“A film”: which version? Reply with its number.\n1. 180p · h264 + aac")
        assert len(here.server.requests) == asked
        await answered(stage, "2", menu)
        await stage.app.idle()
        found = post(await stage.owner.history(0))
        assert found.text.startswith("So it {} is")
        [job] = await stage.app.jobs.recent(9)
        assert (job.order.quality, job.order.silent, job.order.link) == ("90", True, film)
        fetched = {request.path for request in here.server.requests[asked:]}
        assert "/film.html" not in fetched
        assert not [path for path in fetched if path.startswith("/high")]
        text = (await answered(stage, f"/info {here.link('/1.mp4')}"))[1]
        assert text.startswith("1.mp4\nvideo/mp4 · ")
        assert text.endswith(" kB · goes on after a break")
        text = (await answered(stage, f"/info {here.link('/film/master.m3u8')}"))[1]
        assert text.startswith("film\nstream · 2 s · ")
        assert [line.split(" · ")[0] for line in text.split("\n")[2:]] == ["180p", "90p"]
        assert (await answered(stage, "/info"))[1].startswith("Which link?")
        assert "dead" in (await answered(stage, f"/info {here.link('/none.m3u8')}"))[1]
        assert not list((stage.app.config.work / "looks").iterdir())


async def test_a_playlist_becomes_jobs_also_when_killed_meanwhile(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path, folder: Path
) -> None:
    async with site(folder) as here:
        allow = [f"127.0.0.1:{here.server.port}"]
        async with open_stage(config, tmp_path, samples_folder, allow) as stage:
            _, text = await answered(stage, f"/info {here.link('/list.html')}")
            assert text.split("\n")[:2] == ["The course", "playlist · 127.0.0.1 · 3 items"]
            assert text.split("\n")[2:5] == [f"{number}. The course ({number})" for number in (1, 2, 3)]
            assert text.endswith("/dl LINK --playlist fetches them all, --playlist 1-5 some.")
            await stage.owner.send(0, f"/dl {here.link('/list.html')}")
            async with asyncio.timeout(60):
                while not (job := await stage.app.jobs.get(1)) or job.state is not JobState.FAILED:
                    await asyncio.sleep(0.02)
            assert job.reason.startswith("This is a playlist: “The course”, 3 items. Say --playlist")
            await stage.owner.send(0, f"/dl {here.link('/slow.html')} --playlist 2-9")
            async with asyncio.timeout(60):
                await here.asked.wait()
            assert "Telethon" in (await answered(stage, "/version"))[1]
            assert [job.id for job in await stage.app.jobs.recent(9)] == [1]
        here.go.set()
        async with open_stage(config, tmp_path, samples_folder, allow) as stage:
            async with asyncio.timeout(100):
                while len(await stage.app.jobs.recent(9)) < 3:
                    await asyncio.sleep(0.02)
                await stage.app.idle()
            jobs = await stage.app.jobs.recent(9)
            assert [job.order.link for job in jobs[:2]] == [here.link("/3.mp4"), here.link("/2.mp4")]
            assert [job.state for job in jobs] == [JobState.DONE, JobState.DONE, JobState.FAILED]
            assert not await stage.app.store.read("SELECT * FROM slow_commands")
