"""``demo --send`` and ``demo --script`` as scripts run them: a process, its output and its exit code."""

import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from medusa.config import Config
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import open_stage

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, samples: Samples, samples_folder: Path) -> Path:
    """A data folder in which the samples are there already."""
    home = tmp_path / "data"
    (home / "demo").mkdir(parents=True, mode=0o700)
    (home / "demo" / "samples").symlink_to(samples_folder)
    return home


async def demo(home: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the demo in a process of its own; returns exit code, JSON lines and what it said besides."""
    own = {"MEDUSA_DATA": str(home), "MEDUSA_WORK": str(home.parent / "work")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "medusa.cli", "demo", *arguments),
        cwd=ROOT,
        env={**os.environ, **own},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode is not None
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


async def test_send_posts_and_saves(home: Path, samples: Samples, tmp_path: Path) -> None:
    commands = ("/dl sample:streamable.mp4", "/dl sample:notes.pdf")
    code, lines, err = await demo(home, "--send", *commands, "--json", "--save", str(tmp_path / "out"))
    assert code == 0, err
    # On a slow machine, a live message has had a number of its own meanwhile.
    numbers = [line["id"] for line in lines]
    assert (len(numbers), numbers[:2]) == (4, [1, 2])
    assert numbers == sorted(set(numbers))
    assert {line["chat"] for line in lines} == {"me"}
    files = {line["file"]["name"]: line["file"] for line in lines if line["file"]}
    for name in ("streamable.mp4", "notes.pdf"):
        data = samples.path(name).read_bytes()
        assert files[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert (tmp_path / "out" / name).read_bytes() == data
    video = files["streamable.mp4"]
    assert (video["mime"], video["duration"], video["width"], video["height"]) == ("video/mp4", 6.0, 640, 360)
    assert (video["streamable"], video["thumb"]) == (True, True)
    assert (tmp_path / "out" / "streamable.mp4.thumb.jpg").read_bytes().startswith(b"\xff\xd8")
    assert {line["reply_to"] for line in lines if line["file"]} == {1, 2}


async def test_a_job_that_fails_shows_in_the_exit_code(home: Path) -> None:
    code, lines, err = await demo(home, "--send", "/dl sample:dead", "--json")
    assert code == 1
    assert "Not everything was done." in err
    assert "404" in lines[0]["text"]
    assert lines[0]["edited"] is True


async def test_a_script_with_channels_strangers_files_and_replies(home: Path, tmp_path: Path) -> None:
    attached = tmp_path / "links.txt"
    attached.write_text("https://example.com/\n")
    script = tmp_path / "script.jsonl"
    steps: list[dict[str, Any]] = [
        {"text": "/dl sample:notes.pdf", "chat": "News", "wait": "jobs"},
        {"text": "is this it?", "chat": "News", "reply_to": "last_file"},
        {"text": "/dl sample:clip.mp4", "as": "Mallory"},
        {"text": "the list", "file": str(attached), "wait": 0.1},
        {"text": "/version", "reply_to": "last"},
    ]
    script.write_text("# a comment\n" + "\n".join(map(json.dumps, steps)))
    code, lines, err = await demo(home, "--script", str(script), "--json")
    assert code == 0, err
    chats = {name: [line for line in lines if line["chat"] == name] for name in ("me", "News", "Mallory")}
    posted, asked = [line for line in chats["News"] if line["file"] or line["reply_to"]][-2:]
    assert posted["file"]["name"] == "notes.pdf"
    assert (asked["text"], asked["reply_to"]) == ("is this it?", posted["id"])
    assert [line["text"] for line in chats["Mallory"]] == [
        line["text"] for line in chats["Mallory"] if not line["file"]
    ]
    [ignored] = chats["Mallory"]
    assert ignored["text"].startswith("/dl http://127.0.0.1:"), "a stranger is not obeyed"
    listed, version = chats["me"]
    assert listed["file"]["sha256"] == hashlib.sha256(attached.read_bytes()).hexdigest()
    assert version["reply_to"] == listed["id"]
    assert "Telethon" in version["text"]


async def test_a_menu_is_answered_by_a_reply(home: Path) -> None:
    reply = '{"text": "1,2", "reply_to": "last"}'
    code, lines, _ = await demo(
        home, "--send", "/dl sample:dead --at +9h", "/dl sample:dead --at +9h", "/cancel", reply, "--json"
    )
    assert code == 1
    assert [line["text"].split("\n")[0] for line in lines[2:]] == [
        "Which job? Reply with a number, or several such as 1,3-5",
        "Job #1 is cancelled.",
    ]


async def test_what_cannot_be_begun_is_said_in_words(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"txt": "a"}\n')
    code, lines, err = await demo(home, "--script", str(script))
    assert (code, lines) == (2, [])
    assert "Line 1 of the script: “txt” is not known" in err
    code, lines, err = await demo(home, "--script", str(tmp_path / "missing"))
    assert (code, lines) == (2, [])
    assert "cannot be read" in err


async def test_time_runs_out(home: Path) -> None:
    code, _lines, err = await demo(home, "--send", "/dl sample:slow/clip.mp4?rate=1000", "--timeout", "2", "--json")
    assert code == 1
    assert "Not everything was done." in err


async def test_a_second_start_goes_on_where_the_first_ended(config: Config, tmp_path: Path, samples: Samples) -> None:
    samples_folder = samples.folder.parent
    async with open_stage(config, tmp_path, samples_folder) as stage:
        channel = await stage.channel("News")
        await play(stage, [Line("/dl sample:notes.pdf", chat="News", wait="jobs")])
    async with open_stage(config, tmp_path, samples_folder) as stage:
        assert await stage.channel("News") == channel
        await play(stage, [Line("/dl sample:notes.pdf --force", chat="News")])
        files = [one.file.name for one in await stage.owner.history(channel) if one.file]
    assert files == ["notes.pdf", "notes.pdf"]
