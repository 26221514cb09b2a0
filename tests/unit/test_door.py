"""The brake on guessing, and who the door lets in for how long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medusa.brake import MOST_NAMES, Brake
from medusa.door import IDLE_FOR, LASTS_FOR, LINK_FOR, MOST_LINKS, OWNER, Door, TooMany
from medusa.errors import UserError
from medusa.storage import open_store
from medusa.storage.panel import PanelTable
from medusa.web.entry import way_back


def test_each_failure_doubles_the_wait_and_the_last_one_shuts() -> None:
    brake, now = Brake(5, 900, step=1.0), 1000.0
    for pause in (1.0, 2.0, 4.0, 8.0):
        assert brake.wait("a", now) == 0
        brake.failed("a", now)
        assert (brake.wait("a", now), brake.wait("b", now)) == (pause, 0)
        now += pause
    brake.failed("a", now)
    assert brake.wait("a", now) == 1000 + 900 - now
    assert brake.wait("a", 1900.1) == 0
    brake.forget("a")
    assert brake.wait("a", now) == 0


def test_a_clock_that_is_set_back_shuts_nobody_out_until_it_has_caught_up() -> None:
    brake, now = Brake(5, 900, step=1.0), 1000.0
    for _ in range(5):
        brake.failed("a", now)
    assert brake.wait("a", now) == 900
    assert brake.wait("a", now - 86_400) == 0
    brake.failed("a", now - 86_400)
    assert brake.wait("a", now - 86_400) == 1


def test_a_brake_remembers_no_more_names_than_it_may() -> None:
    brake = Brake(1, 900)
    for number in range(MOST_NAMES + 1):
        brake.failed(str(number), 0.0)
    assert (brake.wait("0", 1.0), brake.wait("1", 1.0)) == (0, 899)


@dataclass
class Clock:
    """The time as the test says it is."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(tmp_path: Path, clock: Clock) -> AsyncIterator[Door]:
    async with open_store(tmp_path) as store:
        door = Door(PanelTable(store), clock)
        door.address = "http://127.0.0.1:1"
        yield door


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


async def test_a_link_lets_in_once_and_only_soon(door: Door, clock: Clock) -> None:
    first, second = token_of(door.link(7)), token_of(door.link(8))
    found = await asyncio.gather(*(door.enter_by_link(first, f"a{n}") for n in range(5)), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in found) == 1
    clock.now += LINK_FOR
    with pytest.raises(UserError, match="expired"):
        await door.enter_by_link(second, "b")
    links = [token_of(door.link(7)) for _ in range(MOST_LINKS + 1)]
    with pytest.raises(UserError, match="expired"):
        await door.enter_by_link(links[0], "c")
    assert (await door.enter_by_link(links[1], "d")).person == 7


async def test_a_session_ends_when_it_is_idle_or_old_or_left(door: Door, clock: Clock) -> None:
    begun = clock.now
    session = await door.enter_by_link(token_of(door.link(7)), "a")
    other = await door.enter_by_link(token_of(door.link(8)), "a")
    while clock.now + IDLE_FOR - 1 < begun + LASTS_FOR:
        clock.now += IDLE_FOR - 1
        assert await door.session(session.token) == session
    assert await door.session(other.token) is None
    clock.now = begun + LASTS_FOR
    assert await door.session(session.token) is None
    idle = await door.enter_by_link(token_of(door.link(7)), "a")
    clock.now += IDLE_FOR
    assert (await door.session(idle.token), await door.sessions(7)) == (None, [])
    left, kept = [await door.enter_by_link(token_of(door.link(7)), "a") for _ in range(2)]
    await door.leave(left)
    assert (await door.session(left.token), await door.session(kept.token)) == (None, kept)
    pending = token_of(door.link(7))
    assert await door.leave_all(7) == 1
    assert await door.session(kept.token) is None
    with pytest.raises(UserError):
        await door.enter_by_link(pending, "a")


async def test_few_commits_note_that_a_session_is_in_use(door: Door, clock: Clock) -> None:
    session = await door.enter_by_link(token_of(door.link(7)), "a")
    before = door._table._store.commits
    for _ in range(60):
        clock.now += 30
        await door.session(session.token)
    assert door._table._store.commits - before == 3


async def test_a_password_is_guessed_five_times_and_no_more(door: Door, clock: Clock) -> None:
    for bad in ("short", "x" * 201):
        with pytest.raises(UserError, match="10 to 200 characters"):
            await door.set_password(bad)
    await door.set_password("correct horse battery")
    assert (await door.enter_by_password("correct horse battery", "a")).person == OWNER
    tried = await asyncio.gather(
        *(door.enter_by_password(f"guess {n}", "a") for n in range(50)), return_exceptions=True
    )
    assert sum(isinstance(one, TooMany) for one in tried) == 49  # many at once count as they come
    looked_at = 0
    for _ in range(3600):
        clock.now += 1
        with contextlib.suppress(TooMany):
            door._hold_back(door._guesses, "a")
            looked_at += 1
    assert looked_at == 4 * 5  # of what was tried within an hour
    assert (await door.enter_by_password("correct horse battery", "b")).person == OWNER
    link = token_of(door.link(7))
    assert (await door.enter_by_link(link, "a")).person == 7


async def test_guesses_from_everywhere_are_slowed_down_together(door: Door, clock: Clock) -> None:
    await door.set_password("correct horse battery")
    for number in range(30):
        door._hold_back(door._all_guesses, "everybody")
        assert number < 30
    with pytest.raises(TooMany):
        await door.enter_by_password("correct horse battery", "2001:db8::1")
    clock.now += 900
    await door.enter_by_password("correct horse battery", "2001:db8::1")


async def test_neighbours_of_an_ipv6_address_count_as_one(door: Door) -> None:
    await door.set_password("correct horse battery")
    with pytest.raises(UserError, match="not the password"):
        await door.enter_by_password("wrong", "2001:db8:0:1::1")
    with pytest.raises(TooMany):
        await door.enter_by_password("wrong", "2001:db8:0:1:ffff::2")
    with pytest.raises(UserError, match="not the password"):
        await door.enter_by_password("wrong", "2001:db8:0:2::1")


async def test_another_password_ends_all_sessions(door: Door) -> None:
    with pytest.raises(UserError, match="not the password"):
        await door.enter_by_password("none", "a")
    await door.set_password("correct horse battery")
    session = await door.enter_by_password("correct horse battery", "b")
    await door.set_password("another horse")
    assert await door.session(session.token) is None
    with pytest.raises(UserError, match="not the password"):
        await door.enter_by_password("correct horse battery", "c")
    await door.set_password(None)
    assert not await door.has_password()


@pytest.mark.parametrize(
    "text",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "", "x", "/enter/x", "/a\nb",
     "/" + "x" * 600, "///evil.example", "/\tb"],
)  # fmt: skip
def test_the_way_back_stays_in_the_panel(text: str) -> None:
    assert way_back(text) == "/"
    assert way_back("/jobs/3?page=2") == "/jobs/3?page=2"
