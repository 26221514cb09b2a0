"""Whoever starts ffmpeg, what it reads and writes is limited; what makes it hang or gorge ends in words."""

import ast
import json
import os
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from medusa import cage, process
from medusa.errors import Broken
from medusa.model import LocalFile, Media, Order
from medusa.sources import ytdlp
from medusa.steps import ffmpeg as reader
from medusa.steps import remux, thumbnail
from medusa.tools import CONTAINERS, Tools, find_ffmpeg
from tests.integration import source_kit
from tests.integration.source_kit import Reports, ffmpeg, folder_handler, make_video, serving, tool_box

CODE = Path(process.__file__).parent
RECORDER = """#!{python} -I
import json, os, sys
with open("calls", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
os.execv({ffmpeg!r}, [{ffmpeg!r}, *sys.argv[1:]])
"""


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Tools]:
    """A tool box whose ffmpeg writes down what it is asked for."""
    folder = tmp_path / "site"
    folder.mkdir()
    make_video(folder, "video.mp4")
    ffmpeg("-i", "video.mp4", "-c", "copy", "-f", "dash", "dash.mpd", cwd=folder)
    ffmpeg("-i", "video.mp4", "-c", "copy", "film.mkv", cwd=folder)
    program = tmp_path / "ffmpeg"
    program.write_text(RECORDER.format(python=sys.executable, ffmpeg=str(find_ffmpeg())))
    program.chmod(0o755)
    async with serving(folder_handler(folder)) as server, tool_box(server) as tools:
        for quality in ("best", "audio"):
            work = tmp_path / quality
            work.mkdir()
            order = Order(server.url("/dash.mpd"), quality=quality)
            using = replace(tools, ffmpeg=program)
            await ytdlp.fetch(await ytdlp.resolve(order, work, using, Reports()), order, work, using, Reports())
        file = LocalFile(folder / "film.mkv", "film.mkv", "video/x-matroska")
        await source_kit.process(file, Order(""), folder, using, Reports())
        yield using


def calls(folder: Path) -> Iterator[list[str]]:
    for file in folder.glob("*/calls"):
        yield from map(json.loads, file.read_text().splitlines())


def inputs(call: list[str]) -> Iterator[list[str]]:
    """The options before each input."""
    while "-i" in call:
        place = call.index("-i")
        yield call[:place]
        call = call[place + 2 :]


async def test_ffmpeg_reads_real_media_from_files_alone_and_writes_files_alone(recorded: Tools, tmp_path: Path) -> None:
    """yt-dlp's own look at the sound of a file is beyond its options; the cage holds that one."""
    writing = [call for call in calls(tmp_path) if "-i" in call and "-i" not in call[-2:]]
    reading = [options for call in writing for options in inputs(call)]
    assert len(reading) > 4
    for options in reading:
        assert ("-protocol_whitelist", "file,pipe") in pairwise(options)
        formats = dict(pairwise(options))["-format_whitelist"]
        assert formats.removesuffix(",ffmetadata") == CONTAINERS
    to_nowhere = [call for call in writing if call[-1] == "-"]
    assert all(("-f", "null") in pairwise(call) for call in to_nowhere)
    assert {call[-1].partition(":")[0] for call in writing if call not in to_nowhere} == {"file"}
    assert any("-c copy -map 0:v:0 -map 1:a:0" in " ".join(call) for call in writing), "nothing was merged"


def test_inputs_of_ffmpeg_are_spelled_in_few_places() -> None:
    """Beside files, it reads Medusa's own scripts, and what it makes up by recipes of Medusa's own."""
    found = {
        str(path.relative_to(CODE))
        for path in CODE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == "-i"
    }
    ours = {
        "bench/batches.py",
        "bench/sequential.py",
        "poster.py",
        "demo/samples.py",
        "steps/concat.py",
        "steps/encoders.py",
        "steps/levelling.py",
    }
    assert found == {"steps/ffmpeg.py", "steps/cenc.py", "sources/streams/joining.py"} | ours


def test_children_are_started_in_one_place() -> None:
    starts = {"run", "Popen", "call", "check_output", "check_call", "create_subprocess_exec", "create_subprocess_shell"}
    found = {
        str(path.relative_to(CODE))
        for path in CODE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in starts
        and isinstance(node.value, ast.Name)
        and node.value.id in ("subprocess", "os", "asyncio")
        and (node.value.id, node.attr) != ("asyncio", "run")
    }
    assert found == {"process.py", "cli.py"}, "cli.py starts the tests, with everything the owner has"


@pytest.fixture
def gorge(tmp_path: Path) -> Path:
    """A small MP4 that claims twenty million samples of one byte: ffmpeg builds an index of them, of 700 MB.

    See ISO/IEC 14496-12, 8.6.1.2 (stts), 8.7.3.2 (stsz) and 8.7.4 (stsc).
    """
    video = make_video(tmp_path, "video.mp4")
    data, count = bytearray(video.read_bytes()), 20_000_000
    struct.pack_into(">II", data, data.index(b"stsz") + 8, 1, count)
    struct.pack_into(">I", data, data.index(b"stts") + 12, count)
    struct.pack_into(">I", data, data.index(b"stsc") + 16, count)
    video.write_bytes(data)
    return video


async def test_media_that_gorge_end_in_words(gorge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cage, "share_of_memory", lambda: 256 * 1024**2)
    assert "MP4 cannot hold this video: posted as it is" in await posted_as(gorge)


async def test_media_that_take_ffmpeg_for_ever_are_given_up(gorge: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_SECONDS", 0.2)
    assert await posted_as(gorge) == "the media cannot be read: posted as a plain file"


FAKE = """#!{python} -I
import os, signal, sys, time
if "-i" in sys.argv:
    {deed}
os.execv({ffmpeg!r}, [{ffmpeg!r}, *sys.argv[1:]])
"""


def fake_ffmpeg(folder: Path, deed: str) -> Path:
    """An ffmpeg that does this when it is given media."""
    program = folder / "ffmpeg"
    program.write_text(FAKE.format(python=sys.executable, ffmpeg=str(find_ffmpeg()), deed=deed))
    program.chmod(0o755)
    return program


async def test_media_that_crash_ffmpeg_are_posted_as_a_plain_file(tmp_path: Path) -> None:
    crashing = fake_ffmpeg(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    assert (
        await posted_as(make_video(tmp_path, "v.mp4"), crashing) == "the media cannot be read: posted as a plain file"
    )


async def test_an_ffmpeg_that_hangs_under_yt_dlp_ends_the_job_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.1)
    make_video(tmp_path, "video.mp4")
    ffmpeg("-i", "video.mp4", "-c", "copy", "-f", "dash", "dash.mpd", cwd=tmp_path)
    hanging = fake_ffmpeg(tmp_path, "time.sleep(600)")
    work = tmp_path / "work"
    work.mkdir()
    async with serving(folder_handler(tmp_path)) as server, tool_box(server, max_bytes=10**6) as tools:
        using, order = replace(tools, ffmpeg=hanging), Order(server.url("/dash.mpd"))
        plan = await ytdlp.resolve(order, work, using, Reports())
        monkeypatch.setattr(ytdlp, "_QUIET", 4.0)
        with pytest.raises(Broken, match="yt-dlp hung: it gave no sign of life for 4 seconds"):
            await ytdlp.fetch(plan, order, work, using, Reports())


async def posted_as(media: Path, program: Path | None = None) -> str:
    """What the owner hears of a file that goes through all steps."""
    reports = Reports()
    async with tool_box() as tools:
        using = replace(tools, ffmpeg=program or tools.ffmpeg)
        await source_kit.process(LocalFile(media, media.name, "video/mp4"), Order(""), media.parent, using, reports)
    return reports.notes


async def test_an_ffmpeg_that_hangs_is_ended_and_the_file_posted_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the writer of a pipe, who never comes."""
    os.mkfifo(tmp_path / "film.mkv")
    monkeypatch.setattr(process, "GRACE", 0.1)
    monkeypatch.setattr(remux, "_STALLED", 0.5)
    monkeypatch.setattr(thumbnail, "_SECONDS", 0.5)
    media = Media("matroska", duration=3.0, width=320, height=180, video_codec="h264", audio_codec="aac")
    file = LocalFile(tmp_path / "film.mkv", "film.mkv", "video/x-matroska", media=media)
    reports = Reports()
    async with tool_box() as tools:
        assert remux.STEP.run
        assert thumbnail.STEP.run
        kept = await remux.STEP.run(file, Order(""), tmp_path, tools, reports)
        assert kept == file
        assert await thumbnail.STEP.run(file, Order(""), tmp_path, tools, reports) == file
    name = tools.ffmpeg.name if tools.ffmpeg else ""
    assert f"{name} hung: it gave no sign of life for 0.5 seconds. The video is posted as it is" in reports.notes
