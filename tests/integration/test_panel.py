"""The panel's door and guard, by requests as browsers and others make them."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from http.cookies import SimpleCookie

import aiohttp
import pytest
from yarl import URL

from medusa.access import MOST_COMMANDS
from medusa.demo.stage import Stage
from medusa.door import OWNER
from medusa.errors import UserError
from medusa.model import OWNER as OWNER_PERSON
from medusa.model import JobState, Order, Role
from medusa.web import panel as panel_module
from medusa.web.acting import obey
from medusa.web.live import MOST_STREAMS
from medusa.web.serving import MOST_CONNECTIONS
from tests.e2e.kit import send
from tests.integration.panel_kit import Browser, browsing, enter

MARKUP = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    async with browsing(stage.app.desk.door.address) as found:
        yield found


async def paused(stage: Stage, *links: str) -> None:
    """Jobs that stay as they are, one for each link."""
    for number, link in enumerate(links, start=1):
        await stage.app.scheduler.submit([Order(link)], stage.owner.user_id, -number, not_before=4e9, reason=MARKUP)


async def states(stage: Stage) -> list[JobState]:
    return [job.state for job in reversed(await stage.app.jobs.recent(100))]


async def test_a_link_lets_in_once_and_its_preview_uses_nothing_up(stage: Stage, browser: Browser) -> None:
    door = stage.app.desk.door
    for path in ("/", "/sessions", "/jobs/1?page=2"):
        await browser.get(path)
        assert browser.status == 303
        assert browser.headers["Location"].startswith("/login"), path
    assert (await browser.get("/events"), browser.status) == ("Unauthorized\n", 401)
    path = door.link(OWNER).removeprefix(door.address)
    for _ in range(3):
        await browser.get(path)  # as previews do
    before = SimpleCookie(browser.headers["Set-Cookie"])
    await browser.post(path, {})
    [cookie] = SimpleCookie(browser.headers["Set-Cookie"]).values()
    assert cookie.value not in [one.value for one in before.values()]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert "The queue is empty." in await browser.follow()
    async with browsing(door.address) as other:
        await other.get(path)
        assert "used before or has expired" in await other.post(path, {})
        assert other.status == 403
        await other.get("/")
        assert other.status == 303
    token = cookie.value
    assert token.encode() not in b"".join(
        row[0] for row in await stage.app.store.read("SELECT token FROM panel_sessions")
    )
    await browser.post("/logout", {})
    await browser.get("/", Cookie=f"{cookie.key}={token}")
    assert browser.status == 303


async def test_a_password_opens_and_guesses_are_slowed_down(stage: Stage, browser: Browser) -> None:
    door = stage.app.desk.door
    await door.set_password("correct horse battery")
    await browser.get("/login?to=/jobs/7")
    assert "not the password" in await browser.post("/login", {"password": "wrong"})
    assert browser.status == 403
    assert "Too many tries" in await browser.post("/login", {"password": "correct horse battery"})
    assert (browser.status, int(browser.headers["Retry-After"]) > 0) == (429, True)
    door._guesses.forget("127.0.0.1")
    await browser.post("/login", {"password": "correct horse battery", "to": "/jobs/7"})
    assert (browser.status, browser.headers["Location"]) == (303, "/jobs/7")
    assert "There is no job #7." in await browser.follow()
    assert browser.status == 404
    async with browsing(door.address) as other:
        await enter(other, door)
        await other.post("/logout", {"everywhere": "1"})
    await browser.get("/")
    assert browser.status == 303


async def test_telegram_hands_out_the_link_and_keeps_the_password_to_itself(stage: Stage, browser: Browser) -> None:
    password = "correct horse battery"
    messages = await send(stage, "/panel", f"/panel password {password}", f"/panel {password}", "/panel logout")
    texts = [message.text for message in messages]
    assert [password in text for text in texts] == [False] * 4
    [link] = re.findall(r"http\S+", texts[0])
    await browser.get(link.removeprefix(browser.address))
    await browser.post(link.removeprefix(browser.address), {})
    assert browser.status == 403  # logging out everywhere closes the links, too
    await browser.get("/login")
    await browser.post("/login", {"password": password})
    assert browser.status == 303
    async with asyncio.timeout(20):
        channel = await stage.channel("News")
        await stage.owner.send(channel, "/panel")
        while "Others read along" not in (await stage.owner.history(channel))[-1].text:
            await asyncio.sleep(0.1)


FOREIGN = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "localhost"},
)


async def test_requests_of_other_pages_change_nothing(stage: Stage, browser: Browser) -> None:
    await enter(browser, stage.app.desk.door)
    await paused(stage, "https://a.example/1")
    good = browser.csrf
    for headers in FOREIGN:
        await browser.post("/", {"do": "cancel 1", "csrf": good}, **headers)
        assert browser.status in (403, 421), headers
    for token in ("", "wrong", good.swapcase(), "é"):
        await browser.post("/", {"do": "cancel 1", "csrf": token})
        assert browser.status == 403, token
    async with browsing(browser.address) as other:
        await enter(other, stage.app.desk.door)
        await browser.post("/", {"do": "cancel 1", "csrf": other.csrf})
        assert browser.status == 403
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        async with browser.web.request(method, f"{browser.address}/?do=cancel+1&csrf={good}") as answer:
            assert answer.status in (200, 403, 405), method
    data, headers = '{"do": "cancel 1"}', {"Origin": browser.address, "Content-Type": "application/json"}
    async with browser.web.post(browser.address, data=data, headers=headers) as answer:
        assert answer.status == 415
    for path in ("/", "/login", "/events", "/static/panel.css", "/enter/x"):
        await browser.get(path, Host="evil.example")
        assert browser.status == 421, path
    assert await states(stage) == [JobState.WAITING]
    await browser.post("/", {"do": "cancel 1", "csrf": good})
    assert (browser.status, await states(stage)) == (303, [JobState.CANCELLED])


async def test_only_what_a_page_offers_is_obeyed_and_refusals_are_said(stage: Stage, browser: Browser) -> None:
    await enter(browser, stage.app.desk.door)
    await paused(stage, "https://a.example/1", "https://a.example/2")
    for line, said in (
        ("set prefix !", "does not give the command"),
        ("panel password correct horse battery", "does not give the command"),
        ("", "does not give the command"),
        (MARKUP, "does not give the command"),
        ("cancel 99", "There is no job #99."),
        ("cancel <b>x", "is no job number"),
        ("move 1 top", "only queued jobs can be moved"),
        ("prio 1 urgent", "is no priority"),
        ("prio 1 high", "Job #1 has high priority."),
        ("pause all", "Job #2 is paused."),
        ("resume 2 --x", "There is no option --x here."),
    ):
        await browser.post("/", {"do": line})
        page = await browser.follow()
        assert said in page, line
        assert MARKUP not in page
    await browser.post("/?said=x&page=1", {"do": "resume 2"})
    assert browser.headers["Location"].startswith("/?page=1&said=")
    assert await states(stage) == [JobState.PAUSED, JobState.WAITING]
    await browser.post("/", {"links": "   "})
    assert "Which links?" in await browser.follow()
    await browser.post("/", {"links": "mailto:x@example.com"})
    assert "can&#39;t be fetched" in await browser.follow()
    history = await stage.owner.history(stage.owner.user_id)
    assert "can’t be fetched" in history[-1].text or "can't be fetched" in history[-1].text


async def test_rights_are_those_of_telegram_and_what_others_do_is_on_record(stage: Stage, browser: Browser) -> None:
    desk, access = stage.app.desk, stage.app.access
    for role in (Role.VIEWER, Role.USER, Role.ADMIN):
        await access.allow(77, "Somebody", role, OWNER_PERSON)
        person = access.person(77)
        assert person is not None
        for name, command in desk.commands.items():
            access.pace.forget("77")
            try:
                await obey(desk, person, f"{name} --help", frozenset(desk.commands))
                may = True
            except UserError as error:
                assert "not for you" in error.user_text
                may = False
            assert may is (role >= command.role), (role, name)
        await browser.get("/login")
        link = desk.door.link(77).removeprefix(browser.address)
        await browser.get(link)
        await browser.post(link, {})
        page = await browser.get("/")
        assert browser.status == (200 if role is Role.ADMIN else 303)
    await paused(stage, "https://a.example/1")
    access.pace.forget("77")
    for number in range(MOST_COMMANDS + 1):
        await browser.post("/", {"do": f"prio 1 {'low' if number % 2 else 'high'}"})
        page = await browser.follow()
    assert "commands a minute" in page
    assert sum(row[0] == "prio" for row in await stage.app.store.read("SELECT act FROM audit")) == MOST_COMMANDS
    for others, status in (("off", 303), ("on", 200)):
        await stage.app.settings.set("others", others)
        await browser.get("/")
        assert browser.status == status
    await access.deny(77, OWNER_PERSON)
    await browser.get("/")
    assert browser.status == 303


async def test_strangers_words_stay_words(stage: Stage, browser: Browser) -> None:
    await enter(browser, stage.app.desk.door)
    channel = await stage.channel(MARKUP)
    order = Order(f"https://a.example/{MARKUP}", caption=MARKUP, name=MARKUP, batch=MARKUP, index=1, total=2,
                  edits={"trim": MARKUP}, to=str(channel))  # fmt: skip
    [job] = await stage.app.scheduler.submit([order], stage.owner.user_id, -1, not_before=4e9, reason=MARKUP)
    await stage.app.jobs.save(replace(job, title=MARKUP, state=JobState.WAITING, reason=MARKUP))
    for path in ("/", f"/jobs/{job.id}", f"/jobs/{MARKUP}", f"/?said={MARKUP}&page={MARKUP}", f"/login?to={MARKUP}"):
        page = await browser.get(path)
        assert "<script>document" not in page, path
        assert "<img src=x" not in page, path
    page = await browser.get(f"/jobs/{job.id}")
    assert page.count("&lt;script&gt;document") >= 7
    policy = browser.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ):
        assert browser.headers[name] == value


async def test_paths_lead_nowhere_else(stage: Stage, browser: Browser) -> None:
    where = URL(browser.address)
    for path in (
        "/static/../panel.py",
        "/static/..%2fpanel.py",
        "/static/%2e%2e/panel.py",
        "/static/..%5cpanel.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/vendor",
        "/static/",
        "/static/panel.css%00.txt",
        "//static/panel.css/..",
        "/pages/queue.py",
        "/jobs/../../etc/passwd",
    ):
        reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {where.authority}\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        writer.close()
        assert answer and answer.split()[1] in ("303", "400", "403", "404"), (path, answer[:200])
        assert "import" not in answer
        assert "root:" not in answer
    assert "color-scheme" in await browser.get("/static/panel.css")


async def test_what_is_too_much_or_too_slow_is_refused(
    stage: Stage, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(browser, stage.app.desk.door)
    await browser.post("/", {"links": "x" * 300_000})
    assert browser.status == 413
    await browser.get("/" + "x" * 20_000)
    assert browser.status == 400
    await browser.get("/", Cookie="x" * 20_000)
    assert browser.status == 400
    monkeypatch.setattr(panel_module, "_PATIENCE", 0.2)
    where = URL(browser.address)
    reader, writer = await asyncio.open_connection(where.host, where.port)
    head = f"Host: {where.authority}\r\nOrigin: {browser.address}\r\nContent-Length: 9000"
    kind = "Content-Type: application/x-www-form-urlencoded"
    writer.write(f"POST /login HTTP/1.1\r\n{head}\r\n{kind}\r\n\r\nslow".encode())
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()


async def test_200_streams_of_events_are_too_many_and_the_panel_goes_on(stage: Stage, browser: Browser) -> None:
    await enter(browser, stage.app.desk.door)
    opened = await asyncio.gather(
        *(browser.web.get(browser.address + "/events") for _ in range(200)), return_exceptions=True
    )
    answers = [one for one in opened if isinstance(one, aiohttp.ClientResponse)]
    assert sum(one.status == 200 for one in answers) == MOST_STREAMS
    assert {one.status for one in answers} == {200, 503}
    assert len(answers) >= MOST_CONNECTIONS - 1
    told = next(one for one in answers if one.status == 200)
    await told.content.readuntil(b"data:\n\n")
    await paused(stage, "https://a.example/1")
    assert await told.content.readuntil(b"data:\n\n") == b"event: change\ndata:\n\n"
    for one in answers:
        one.close()
    assert "a.example/1" in await browser.get("/")
    status = 503
    while status != 200:  # those that have left make room
        async with browser.web.get(browser.address + "/events") as answer:
            status = answer.status
        await asyncio.sleep(0.2)
