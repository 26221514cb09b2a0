"""A newer yt-dlp comes from a package index, is tried out and used, and leaves again; a bad one is never used."""

import json
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import wheels
from medusa.errors import UserError
from medusa.model import Order
from medusa.shelf import Shelf
from medusa.sources import pages
from medusa.sources.ytdlp_update import Updater, built_in
from medusa.tools import Tools
from tests.integration.source_kit import Reports, folder_handler, make_video, serving, tool_box
from tests.integration.update_kit import NEWER, NEWEST, package_index, real_solver, real_ytdlp, record, wheel

SAYS = "import sys\nprint({!r})\n"
PIN = "yt-dlp-ejs==0.8.0; extra == 'default'"


@asynccontextmanager
async def updater(shop: Path, root: Path, lies: bool = False) -> AsyncIterator[tuple[Updater, Tools]]:
    """An updater with the wheels of ``shop`` before it, and the tools that use what it fetches."""
    shelf = Shelf(root)
    async with package_index(shop, lies) as index, tool_box(index) as box:
        tools = replace(box, newer=lambda: shelf.folder)
        made = Updater(shelf, tools, index.url("/simple/"))
        await made.start()
        yield made, tools


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with one newer yt-dlp and the parts that it pins."""
    folder = tmp_path / "shop"
    folder.mkdir()
    wheel(folder, "yt_dlp", NEWER, real_ytdlp(NEWER), PIN)
    wheel(folder, "yt_dlp_ejs", "0.8.0", real_solver())
    return folder


async def test_an_update_is_used_until_it_is_taken_back(shop: Path, tmp_path: Path) -> None:
    root = tmp_path / "yt-dlp"
    async with updater(shop, root) as (one, tools):
        assert (one.used, await one.update()) == (built_in(), (built_in(), NEWER))
        assert await one.update() == (NEWER, NEWER)
        assert sorted(path.name for path in root.iterdir()) == [NEWER, "used.json"]
        assert {path.name for path in (root / NEWER).iterdir() if path.is_dir()} == {"yt_dlp", "yt_dlp_ejs"}
        assert list((root / NEWER / "yt_dlp").rglob("*.pyc")), "each run would compile it anew"
        wheel(shop, "yt_dlp", NEWEST, real_ytdlp(NEWEST), PIN)
        assert await one.update() == (NEWER, NEWEST)
    async with updater(shop, root) as (one, tools):
        assert one.shown == f"{NEWEST} (an update; {built_in()} is built in)"
        await one.back("1:7")
        await one.back("1:7")  # the same command once more after a kill
        assert (one.used, tools.newer()) == (NEWER, root / NEWER)
        await one.back("1:8")
        await one.back("1:9")
        assert (one.shown, tools.newer()) == (built_in(), None)
        assert [path.name for path in root.iterdir()] == ["used.json"]


async def test_jobs_run_the_update(shop: Path, tmp_path: Path) -> None:
    wheel(shop, "yt_dlp", NEWER, real_ytdlp(NEWER, for_pages=True), PIN)
    media, workdir = tmp_path / "media", tmp_path / "1"
    media.mkdir()
    workdir.mkdir()
    make_video(media, "clip.mp4", seconds=1)
    async with package_index(shop) as index, serving(folder_handler(media)) as site, tool_box(index, site) as box:
        shelf = Shelf(tmp_path / "yt-dlp")
        tools = replace(box, newer=lambda: shelf.folder)
        await Updater(shelf, tools, index.url("/simple/")).update()
        order = Order(site.url("/clip.mp4"))
        plan = await pages.SOURCE.resolve(order, workdir, tools, Reports())
        info = json.loads((workdir / "info.json").read_text())
        assert plan is not None
        assert (plan.title, info["_version"]["version"]) == ("clip", "2099.01.02")


def broken(recorded: bytes = b"") -> Callable[[Path], Path]:
    return lambda shop: wheel(
        shop, "yt_dlp", NEWER, {"yt_dlp/__main__.py": SAYS.format(NEWER).encode()}, recorded=recorded
    )


def with_file(name: str) -> Callable[[Path], Path]:
    return lambda shop: wheel(shop, "yt_dlp", NEWER, {"yt_dlp/__init__.py": b"", name: b"x"})


def saying(program: str) -> Callable[[Path], Path]:
    files = {"yt_dlp/__init__.py": b"", "yt_dlp/__main__.py": program.encode()}
    return lambda shop: wheel(shop, "yt_dlp", NEWER, files)


def cut(shop: Path) -> Path:
    path = broken()(shop)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def linked(shop: Path) -> Path:
    path = broken()(shop)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("yt_dlp/link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return path


def unsaid(shop: Path) -> Path:
    path = broken()(shop)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("yt_dlp/more.py", b"")
    return path


def wrong_hash() -> bytes:
    return record({"yt_dlp/__main__.py": b"another"}, f"yt_dlp-{NEWER}.dist-info")


BAD = {
    "it is cut short": (cut, "pip says|damaged"),
    "its record has other hashes": (broken(wrong_hash()), "record"),
    "its record is nonsense": (broken(b"\xff,,,,\n"), "damaged"),
    "a file is not in its record": (unsaid, "other files than its record"),
    "it leads out of its folder": (with_file("yt_dlp/../../out.py"), "does not belong"),
    "it has an absolute path": (with_file("/tmp/out.py"), "does not belong"),
    "it has another package": (with_file("json/__init__.py"), "does not belong"),
    "it has a link": (linked, "does not belong"),
    "it tells another version": (saying(SAYS.format("2001.01.01")), "2001.01.01"),
    "it does not start": (saying("raise SystemExit('no such luck')"), "no such luck"),
    "it can do nothing but tell its version": (saying(SAYS.format(NEWER)), "does not run here"),
}


@pytest.mark.parametrize(("make", "why"), BAD.values(), ids=BAD.keys())
async def test_a_bad_update_is_not_used(make: Callable[[Path], Path], why: str, tmp_path: Path) -> None:
    shop, root = tmp_path / "shop", tmp_path / "yt-dlp"
    shop.mkdir()
    make(shop)
    async with updater(shop, root) as (one, tools):
        with pytest.raises(UserError, match=f"not updated, {built_in()} stays in use: .*(?:{why})"):
            await one.update()
        assert (one.used, tools.newer()) == (built_in(), None)
    assert not list(root.iterdir())
    assert {path.name for path in tmp_path.iterdir()} <= {"shop", "yt-dlp"}


async def test_a_wheel_that_is_not_what_the_index_says_is_refused(shop: Path, tmp_path: Path) -> None:
    async with updater(shop, tmp_path / "yt-dlp", lies=True) as (one, _):
        with pytest.raises(UserError, match="pip says"):
            await one.update()


async def test_an_older_one_is_not_taken(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    wheel(shop, "yt_dlp", "2020.1.1", real_ytdlp("2020.1.1"))
    async with updater(shop, tmp_path / "yt-dlp") as (one, tools):
        assert await one.update() == (built_in(), built_in())
        assert tools.newer() is None


async def test_an_index_in_the_owners_network_is_refused_in_words(shop: Path, tmp_path: Path) -> None:
    async with package_index(shop) as index, tool_box() as tools:
        with pytest.raises(UserError, match=r"not updated.*127\.0\.0\.1"):
            await Updater(Shelf(tmp_path / "yt-dlp"), tools, index.url("/simple/")).update()
        assert not index.requests


async def test_a_damaged_update_is_noticed_at_the_start(shop: Path, tmp_path: Path) -> None:
    root = tmp_path / "yt-dlp"
    async with updater(shop, root) as (one, _):
        await one.update()
    (root / NEWER / "yt_dlp/__init__.py").write_text("this is no Python")
    async with updater(shop, root) as (one, tools):
        assert (one.used, tools.newer()) == (built_in(), None)
        assert [path.name for path in root.iterdir()] == ["used.json"]
        assert await one.update() == (built_in(), NEWER)


@pytest.mark.parametrize("note", ["", "[]", '{"versions": ["../../etc"], "mark": ""}', '{"versions": [1], "mark": ""}'])
async def test_a_note_that_cannot_be_read_stands_for_none(note: str, tmp_path: Path) -> None:
    (tmp_path / "used.json").write_text(note)
    async with updater(tmp_path, tmp_path) as (one, tools):
        assert (one.used, tools.newer()) == (built_in(), None)


def test_a_wheel_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "MOST_BYTES", 50_000)
    bomb = wheel(tmp_path, "yt_dlp", NEWER, {"yt_dlp/__init__.py": bytes(60_000)})
    with pytest.raises(UserError, match="too big"):
        wheels.unpack(bomb, "yt_dlp", tmp_path / "made")
    assert not (tmp_path / "made").exists()
