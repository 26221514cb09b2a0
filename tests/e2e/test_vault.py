"""Secrets, from the words that bring them to the sites that get them, and to nobody else's eyes."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import structlog
from aiohttp import web

from medusa.commands.secrets import deleted
from medusa.config import Config
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage, open_stage
from medusa.model import JobState
from medusa.observe import logs
from medusa.storage.vault import Kind
from medusa.telegram.phone import Message
from tests.e2e.kit import send
from tests.integration.source_kit import Server, serving

COOKIE = f"c00kie%2B{secrets.token_hex(12)}"
TOKEN = f"t0ken-{secrets.token_hex(12)}"
HEADER = f"h3ader-{secrets.token_hex(12)}"
ONCE = f"0nce-{secrets.token_hex(12)}"
PLANTED = (COOKIE, unquote(COOKIE), TOKEN, HEADER, ONCE)
HEX = COOKIE[-24:], TOKEN[-24:], HEADER[-24:], ONCE[-24:]
PAGE = (
    "<!doctype html><html><head><title>Film {0}</title></head><body><h1>{0}</h1><video src='/film.mp4'></video></body>"
)


@dataclass
class Site:
    """A site that shows itself to the owner only, and says what it was sent wherever it can."""

    folder: Path
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Host, path, and what was sent along, of each request."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        cookie, keys = request.headers.get("Cookie", ""), request.headers.getall("X-Key", [])
        self.asked.append((request.host.partition(":")[0], request.path, " ".join([cookie, *keys]).strip()))
        match request.path:
            case "/away" | "/away.html":
                raise web.HTTPFound(request.query["to"])
            case "/film.mp4" if request.query or COOKIE in cookie:
                return web.FileResponse(self.folder / "streamable.mp4")
            case "/echo.bin" if COOKIE in cookie:
                named = {"Content-Disposition": f'attachment; filename="{COOKIE}.bin"'}
                return web.Response(body=b"x" * 1000, headers={**named, "Content-Type": "application/octet-stream"})
            case "/page.html" if COOKIE in cookie:
                return web.Response(text=PAGE.format(unquote(COOKIE)), content_type="text/html")
            case "/broken.m3u8":
                return web.Response(status=418, reason=f"no tea for {cookie} {' '.join(keys)}")
            case "/keyed.bin" if keys in ([HEADER], [ONCE]):
                return web.Response(body=b"y" * 1000, content_type="application/octet-stream")
        return web.Response(status=403, text="not yours")

    def sent_to(self, host: str) -> set[str]:
        return {sent for asked, _, sent in self.asked if asked == host}


@dataclass
class Scene:
    stage: Stage
    site: Site
    server: Server
    folder: Path

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server.port}{path}"

    def file(self, name: str, data: str | bytes) -> Path:
        (self.folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return self.folder / name

    async def plays(self, *lines: Line) -> list[Message]:
        async with asyncio.timeout(100):
            await play(self.stage, lines)
        return await self.stage.owner.history(0)

    async def gives(self, name: str, data: str | bytes) -> list[Message]:
        """Send a file, and then reply to it with /cookies."""
        file = self.file(name, data)
        return await self.plays(Line(file=file), Line(text="/cookies", reply_to="last_file"))


@pytest.fixture
async def scene(config: Config, tmp_path: Path, samples: Samples, samples_folder: Path) -> AsyncIterator[Scene]:
    site = Site(samples.folder)
    async with serving(site.handle) as server:
        allow = [f"{host}:{server.port}" for host in ("127.0.0.1", "localhost")]
        async with open_stage(config, tmp_path / "stage", samples_folder, allow) as stage:
            yield Scene(stage, site, server, tmp_path)


def jar(host: str, value: str = COOKIE, expires: float = 0) -> str:
    return f"# Netscape HTTP Cookie File\n{host}\tFALSE\t/\tFALSE\t{expires:.0f}\tsid\t{value}\n"


def texts(messages: list[Message]) -> str:
    return "\n".join(f"{message.text} {message.file}" for message in messages)


class Watch:
    """Looks at the command line and environment of every process for as long as the block runs."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.looks = 0

    async def __aenter__(self) -> "Watch":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(0.05)

    def _look(self) -> None:
        for entry in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    text = (entry / name).read_bytes().decode(errors="replace")
                except OSError:
                    continue
                self.looks += "yt_dlp" in text
                self.seen |= {secret for secret in (*PLANTED, *HEX) if secret in text}


async def test_secrets_stand_nowhere(scene: Scene, capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logs.set_up("DEBUG")
    structlog.configure(cache_logger_on_first_use=False)
    try:
        async with Watch() as watch:
            messages = await everything(scene)
            stored = await scene.stage.app.store.read("SELECT * FROM jobs, library")
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    logged = capfd.readouterr()
    server_side = "\n".join(message.stringify() for message in scene.stage.telegram.messages())
    state = b"".join(file.read_bytes() for file in scene.stage.app.config.data.rglob("*") if file.is_file())
    for secret in (*PLANTED, *HEX):
        assert secret not in logged.out + logged.err
        assert secret not in texts(messages) + server_side
        assert secret not in repr(stored)
        assert secret.encode() not in state
    assert "command.refused" in logged.err
    assert watch.looks
    assert watch.seen == set()
    assert not list(scene.stage.app.config.work.iterdir())


async def everything(scene: Scene) -> list[Message]:
    """Plant all secrets by command and use them in jobs that succeed and fail, at a site that repeats them."""
    await scene.gives("cookies.txt", jar("127.0.0.1"))
    await send(scene.stage, f"/token 127.0.0.1 {TOKEN}", f"/header 127.0.0.1 'X-Key: {HEADER}'")
    # Slips, all of which hold a secret.
    await send(
        scene.stage, f"/token {TOKEN}", f"/token {TOKEN} 127.0.0.1 x", f"/token 127.0.0.1 {TOKEN}\n{TOKEN}",
        f"/header 127.0.0.1 Host: {HEADER}", f"/cookies {COOKIE}", f"/dl {scene.url('/x')} --header 'no {ONCE}'",
        f"/dl {scene.url('/x')} --header X-Key: {ONCE}", f"/dl {scene.url('/x')} --header='X-Key: {ONCE}' --bad {ONCE}",
    )  # fmt: skip
    messages = await send(
        scene.stage,
        f"/dl {scene.url('/echo.bin')} {scene.url('/page.html')} {scene.url('/broken.m3u8')} {scene.url('/keyed.bin')}",
        f"/dl {scene.url('/keyed.bin?2')} {scene.url('/broken.m3u8?2')} --header 'X-Key: {ONCE}'",
        "/token", "/header", "/cookies", "/history", "/job 1-9", "/queue", "/find film",
    )  # fmt: skip
    states = {job.order.link: job.state for job in await scene.stage.app.jobs.recent(20)}
    failed = [link for link, state in states.items() if state is not JobState.DONE]
    assert failed == [scene.url("/broken.m3u8?2"), scene.url("/broken.m3u8")]
    assert {HEADER, ONCE} <= {word for sent in scene.site.sent_to("127.0.0.1") for word in sent.split()}
    assert "[secret]" in texts(messages)
    return messages


async def test_a_file_of_cookies_is_kept_and_deleted(scene: Scene) -> None:
    text = jar("127.0.0.1") + ".example.co.uk\tTRUE\t/\tTRUE\t1999999999\tsid\tanother-one-123\n"
    messages = await scene.gives("cookies.txt", text)
    [answer] = messages
    assert answer.text.splitlines()[1:] == [
        "127.0.0.1 · 1 cookie · good for a session",
        f"example.co.uk · 1 cookie · until {time.strftime('%Y-%m-%d %H:%M', time.localtime(1999999999))}",
    ]
    messages = await send(
        scene.stage, "/cookies", "/cookies forget www.Example.co.uk", "/cookies forget nothing.example"
    )
    assert [message.text.splitlines()[-1] for message in messages[1:]] == [
        "Forget one: /cookies forget SITE",
        "Forgotten: cookies of example.co.uk.",
        "There is nothing like that to forget. /cookies says what there is.",
    ]
    assert [thing.site for thing in await scene.stage.app.vault.kept(Kind.COOKIES)] == ["127.0.0.1"]


async def test_a_secret_may_stand_on_a_line_of_its_own(scene: Scene) -> None:
    messages = await send(
        scene.stage, f"/token example.com\n{TOKEN}", f"/header\nexample.com\nX-Key: {HEADER}", "/token example.com\n"
    )
    assert [message.text for message in messages] == [
        "The token is kept. It goes to example.com, and nowhere else.",
        "The header X-Key is kept. It goes to example.com, and nowhere else.",
        "For instance: /token example.com TOKEN",
    ]
    assert [thing.value for thing in await scene.stage.app.vault.kept(Kind.TOKEN)] == [TOKEN]


async def test_cookies_come_as_words_and_in_captions_too(scene: Scene) -> None:
    file = scene.file("x.json", '[{"name": "sid", "value": "1", "domain": ".example.com"}]')
    messages = await scene.plays(Line(text="/cookies", file=file), Line(text="/cookies " + jar("127.0.0.1")))
    assert [message.text.splitlines()[1].split()[0] for message in messages] == ["example.com", "127.0.0.1"]
    assert not [message for message in messages if message.file]


async def test_what_is_no_file_of_cookies_is_said_and_deleted(scene: Scene) -> None:
    jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(5000)
    big = scene.file("huge.txt", b"#" * 10_000_000)
    messages = await scene.gives("cookies.txt", jpeg)
    messages = await scene.gives("list.txt", "only words")
    messages = await scene.plays(Line(file=big), Line(text="/cookies", reply_to="last_file"))
    messages = await scene.gives("holiday.jpg", jpeg)
    answers = [message.text for message in messages if not message.file]
    assert ["no text" in answers[0], "Line 1 has 2 columns" in answers[1], "more than 1 MB" in answers[2]] == [True] * 3
    assert "no text" in answers[3]
    # A picture that was replied to by mistake stays.
    assert [message.file.name for message in messages if message.file] == ["holiday.jpg"]
    assert await scene.stage.app.vault.kept(Kind.COOKIES) == []


async def test_cookies_go_to_their_own_host_alone(scene: Scene) -> None:
    await scene.gives("cookies.txt", jar("127.0.0.1"))
    await send(scene.stage, f"/header 127.0.0.1 'X-Key: {HEADER}'")
    away = scene.url("/away?to=" + scene.url("/film.mp4?x=1", "localhost"))
    listed = scene.url("/away.html?to=" + scene.url("/film.mp4?x=1", "localhost"))
    await send(scene.stage, f"/dl {away} {scene.url('/film.mp4?x=2', 'localhost')} {scene.url('/echo.bin')} {listed}")
    assert scene.site.sent_to("localhost") == {""}
    assert scene.site.sent_to("127.0.0.1") == {f"sid={COOKIE} {HEADER}"}


async def test_a_page_that_wants_a_login_is_fetched_with_cookies_and_says_how_without(scene: Scene) -> None:
    link = scene.url("/page.html")
    messages = await send(scene.stage, f"/dl {link}")
    assert "send that browser's cookies: /cookies" in messages[0].text
    await scene.gives("cookies.txt", jar("127.0.0.1"))
    messages = await send(scene.stage, f"/dl {link}")
    [posted] = [message.file for message in messages if message.file]
    assert posted.name.endswith(".mp4")
    await scene.gives("cookies.txt", jar("127.0.0.1", "not-the-right-one-1"))
    messages = await send(scene.stage, f"/dl {scene.url('/page.html?2')}")
    assert "do not open it" in texts(messages)
    async with scene.stage.app.store.write() as db:
        await db.run("UPDATE vault SET value = replace(value, char(9) || '0', char(9) || '1'), expires = 1")
    messages = await send(scene.stage, f"/dl {scene.url('/page.html?3')}")
    assert "Your cookies for 127.0.0.1 have expired: /cookies" in texts(messages)


async def test_the_cookies_of_another_site_are_used_when_they_are_named(scene: Scene) -> None:
    await scene.gives("cookies.txt", jar("127.0.0.1"))
    page = scene.url("/away.html?to=" + scene.url("/page.html"), "localhost")
    messages = await send(scene.stage, f"/dl {page} --cookies https://127.0.0.1/")
    assert [message.file for message in messages if message.file], texts(messages)
    assert scene.site.sent_to("localhost") == {""}


async def test_what_an_order_brings_goes_with_its_job(scene: Scene) -> None:
    ordered = f"/dl {scene.url('/keyed.bin')} --header 'X-Key: {ONCE}' --header 'Accept: x/y' --at +2h"
    await scene.stage.owner.send(0, ordered)
    async with asyncio.timeout(30):
        while not await scene.stage.app.jobs.recent(1):
            await asyncio.sleep(0.05)
    [job] = await scene.stage.app.jobs.recent(5)
    assert job.order.headers == f"X-Key: {ONCE}\nAccept: x/y"
    assert ONCE not in repr(job)
    messages = await send(scene.stage, "/cancel 1")
    assert ONCE not in texts(messages)
    [job] = await scene.stage.app.jobs.recent(5)
    assert job.order.headers == ""
    messages = await send(scene.stage, f"/dl {scene.url('/keyed.bin')} --header 'X-Key: {ONCE}'")
    assert "Queued: #2. What is secret is forgotten when that has ended." in [message.text for message in messages]
    job = (await scene.stage.app.jobs.recent(5))[0]
    assert (job.state, job.order.headers) == (JobState.DONE, "")


async def test_a_message_that_cannot_be_deleted_is_overwritten_and_told_of(scene: Scene) -> None:
    scene.stage.telegram.faults.fail("messages.deleteMessages", "MESSAGE_DELETE_FORBIDDEN", times=1)
    [answer] = await send(scene.stage, f"/token www.Example.com sid={TOKEN}")
    assert answer.text.splitlines() == [
        "The token sid is kept. It goes to example.com, and nowhere else.",
        "Your message with the secret could not be deleted: delete it yourself.",
    ]


async def test_a_file_that_cannot_be_deleted_is_kept_all_the_same(scene: Scene) -> None:
    scene.stage.telegram.faults.fail("messages.deleteMessages", "MESSAGE_DELETE_FORBIDDEN", times=1)
    messages = await scene.gives("cookies.txt", jar("127.0.0.1"))
    assert messages[-1].text.splitlines()[1:] == [
        "127.0.0.1 · 1 cookie · good for a session",
        "The file could not be deleted: delete it yourself.",
    ]


async def test_a_file_that_is_none_and_cannot_be_deleted_is_told_of(scene: Scene) -> None:
    scene.stage.telegram.faults.fail("messages.deleteMessages", "MESSAGE_DELETE_FORBIDDEN", times=1)
    messages = await scene.gives("cookies.txt", "a secret, but no cookie")
    assert messages[-1].text.splitlines()[-1] == "The file could not be deleted: delete it yourself."


async def test_what_is_deleted_is_known_elsewhere_until_it_is_done(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram does not hand out a deleted message again: a kill behind that would lose the job, or the token."""
    app, found = scene.stage.app, list[list[Any]]()

    async def gone(*args: Any) -> bool:
        found.append(await app.store.read("SELECT text FROM slow_commands"))
        found.append([kept.site for kept in await app.vault.kept(Kind.COOKIES)])
        return await deleted(*args)

    for name in ("router", "cookies"):
        monkeypatch.setattr(f"medusa.commands.{name}.deleted", gone)
    await send(scene.stage, f"/token example.com {TOKEN}")
    await scene.gives("cookies.txt", jar("127.0.0.1"))
    assert found == [[(f"/token example.com {TOKEN}",)], [], [], ["127.0.0.1"]]
    assert await app.store.read("SELECT text FROM slow_commands") == []


async def test_no_cookies_are_left_of_a_look_that_was_killed(
    config: Config, tmp_path: Path, samples_folder: Path
) -> None:
    left = tmp_path / "stage" / "work" / "looks" / "tmp1" / "cookies.txt"
    left.parent.mkdir(parents=True)
    left.write_text(jar("127.0.0.1"))
    async with open_stage(config, tmp_path / "stage", samples_folder, []):
        assert not left.exists()


SAID = [
    ("/dl https://example.com/x --cookies www.Example.org", "There are no cookies for example.org: /cookies"),
    ("/token", "There are no tokens. Keep one: /token example.com TOKEN"),
    ("/token example.com", "For instance: /token example.com TOKEN"),
    ("/token co.uk abc", "That is no site, but the ending of many. Name the site itself, such as example.com"),
    ("/token https://Bücher.example/x ab1", "The token is kept. It goes to xn--bcher-kva.example, and nowhere else."),
    ("/token example.com\nfirst second", "A token is one word of ASCII letters, digits and signs, without line breaks. "
     "Nothing was kept."),
    ("/token example.com a b", "A token is one word of ASCII letters, digits and signs, without line breaks. "
     "Nothing was kept."),
    ("/token forget", "Of which site? For instance: /token forget example.com"),
    ("/token forget bücher.example", "Forgotten: token of xn--bcher-kva.example."),
    ("/header example.com X-Key", 'A header is written as "Name: value". Nothing was kept.'),
    ("/header example.com X-Key: value-1", "The header X-Key is kept. It goes to example.com, and nowhere else."),
    ("/header forget example.com x-key", "Forgotten: header of example.com."),
    ("/headers", "There are no headers. Keep one: /header example.com X-Key: value"),
    ("/tokn example.com abc", "There is no command /tokn. Did you mean /token? "
     "Your message still stands; delete it if there is a secret in it."),
]  # fmt: skip


async def test_what_the_commands_say(scene: Scene) -> None:
    messages = await send(scene.stage, *(text for text, _ in SAID))
    said = [message.text for message in messages]
    assert sorted(said) == sorted([answer for _, answer in SAID] + ["/tokn example.com abc"])
