"""What the owner is told unasked: gathered, grouped, muted, once, and never in the way of anything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from markupsafe import Markup

from medusa import notices
from medusa.errors import first_of
from medusa.loopback import Loopback
from medusa.model import Job, JobState, Notice, Order
from medusa.notices import Notices
from medusa.settings import Settings
from medusa.storage import open_store
from medusa.storage.settings import StoredSettings
from medusa.telegram.errors import SessionLost
from medusa.telegram.messages import Messenger
from medusa.words import clock
from tests.integration.transfer_kit import telegram

NOW = 1_780_000_000.0
ELSEWHERE = -1001234567890


@dataclass
class Scene:
    notices: Notices
    settings: Settings
    loopback: Loopback
    home: int
    marked: list[list[int]] = field(default_factory=list)

    async def said(self) -> list[str]:
        """What stands in Saved Messages once all is said."""
        async with asyncio.timeout(20):
            await self.notices.idle()
        return [message.message for message in self.loopback.messages()]

    def job(self, number: int, state: JobState, **facts: object) -> Job:
        job = Job(number, state, Order(f"https://a.b/{number}"), self.home, number, NOW - 5, ended=NOW)
        return replace(job, **facts)  # type: ignore[arg-type]

    def hear(self, count: int, make: Callable[[int], Job], first: int = 1) -> None:
        for number in range(first, first + count):
            self.notices.changed(make(number))

    def unheard(self, *jobs: Job) -> None:
        async def mark() -> None:
            self.marked.append([job.id for job in jobs])

        self.notices.unheard(jobs, mark)


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with telegram() as (loopback, account), open_store(tmp_path / "state") as store:
        settings = Settings(StoredSettings(store))
        told = Notices(Messenger(account), settings, account.user_id, now=lambda: NOW)
        task = asyncio.create_task(told.run())
        yield Scene(told, settings, loopback, account.user_id)
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """Notices that make no pauses between messages."""
    monkeypatch.setattr(notices, "PAUSE", 0.0)
    async with scene(tmp_path) as opened:
        yield opened


def failed(here: Scene, **facts: object) -> Callable[[int], Job]:
    return lambda number: here.job(number, JobState.FAILED, reason="Gone.", **facts)


def waiting(here: Scene, reason: str, seconds: float = 7200) -> Callable[[int], Job]:
    return lambda number: here.job(number, JobState.WAITING, reason=reason, not_before=NOW + seconds, ended=None)


def lines(numbers: Sequence[int]) -> str:
    return "\n".join(f"✗ #{number} https://a.b/{number}\nGone." for number in numbers)


async def test_a_failure_in_sight_is_not_said_and_one_out_of_sight_is(here: Scene) -> None:
    here.hear(10, failed(here))
    here.hear(1, failed(here, created=NOW - 300), first=11)
    assert await here.said() == []
    here.hear(1, failed(here, chat_id=ELSEWHERE), first=20)
    here.hear(1, failed(here, created=NOW - 700), first=21)
    assert await here.said() == [lines([20, 21])]


async def test_many_failures_are_counted(here: Scene) -> None:
    here.hear(4, failed(here, created=NOW - 300))
    assert await here.said() == ["4 jobs have failed (#1, #2, #3, #4): /retry failed"]
    here.hear(500, failed(here, chat_id=ELSEWHERE), first=10)
    assert (await here.said())[1:] == ["500 jobs have failed: /retry failed"]


async def test_what_is_done_is_said_only_when_it_is_wanted(here: Scene) -> None:
    here.hear(12, lambda number: here.job(number, JobState.DONE, title="T"))
    assert await here.said() == []
    await here.settings.set("notice-done", "on")
    await here.settings.set("prefix", ".")
    here.hear(12, lambda number: here.job(number, JobState.DONE, title="T"))
    here.hear(2, failed(here, chat_id=ELSEWHERE), first=20)
    assert await here.said() == ["12 jobs are done, 2 have failed (#20, #21): .history, .retry failed"]
    here.hear(1, lambda number: here.job(number, JobState.DONE, title="<T>", size=5), first=30)
    assert (await here.said())[1:] == ["✓ #30 <T> · 5 B · 5 s"]


async def test_one_of_many(here: Scene) -> None:
    await here.settings.set("notice-done", "on")
    here.hear(1, lambda number: here.job(number, JobState.DONE, title="T"))
    here.hear(4, failed(here, chat_id=ELSEWHERE), first=2)
    assert await here.said() == [
        "1 job is done, 4 have failed (#2, #3, #4, #5): /history, /retry failed",
    ]


async def test_each_kind_can_be_muted(here: Scene) -> None:
    for kind in Notice:
        await here.settings.set(f"notice-{kind}", "off")
        here.notices.tell(kind, f"About {kind}.")
    here.hear(1, failed(here, chat_id=ELSEWHERE))
    here.hear(1, waiting(here, "Busy."), first=2)
    here.unheard(here.job(3, JobState.FAILED, reason="Gone."))
    assert await here.said() == []
    assert here.marked == [[3]]
    await here.settings.set("notice-disk", "on")
    here.notices.tell(Notice.DISK, "The disk is full.")
    here.notices.tell(Notice.SESSION, "Not heard.")
    assert await here.said() == ["The disk is full."]


async def test_lines_are_gathered_and_the_same_one_is_said_once(here: Scene) -> None:
    for number in range(5):
        here.notices.tell(Notice.SESSION, f"Trouble <{number}>.")
        here.notices.tell(Notice.DISK, "The disk is nearly full.")
    here.notices.tell(Notice.WAITING, "This account may not write in News.")
    assert await here.said() == [
        "Trouble <0>.\nTrouble <1>.\nTrouble <2>.\n… and 2 more like that\nThe disk is nearly full.\n"
        "This account may not write in News."
    ]
    here.notices.tell(Notice.DISK, "The disk is nearly full.")
    assert len(await here.said()) == 1


async def test_a_long_wait_is_said_once_for_each_reason(here: Scene) -> None:
    until = clock(NOW + 7200, NOW)
    here.hear(1, waiting(here, "Telegram asks to wait 7200 s."))
    here.hear(1, waiting(here, "Busy.", seconds=500), first=2)
    here.hear(1, waiting(here, "Scheduled for 18:30."), first=3)
    here.hear(1, waiting(here, "Quiet hours until 07:00."), first=4)
    assert await here.said() == [f"… #1 https://a.b/1 waits until {until}: Telegram asks to wait 7200 s."]
    here.notices.changed(here.job(1, JobState.RUNNING, ended=None))
    here.hear(1, waiting(here, "Telegram asks to wait 6900 s."))
    assert len(await here.said()) == 1
    here.hear(1, waiting(here, "The disk is full."))
    assert (await here.said())[1:] == [f"… #1 https://a.b/1 waits until {until}: The disk is full."]


async def test_many_waits_are_counted(here: Scene) -> None:
    until = clock(NOW + 7200, NOW)
    here.hear(7, waiting(here, "This account may not write in that chat."))
    here.hear(5, waiting(here, "Telegram asks to wait 7200 s."), first=1)
    here.hear(1, lambda number: here.job(number, JobState.RUNNING, ended=None), first=7)
    assert await here.said() == [f"6 jobs have to wait, the first of them until {until}: /queue"]
    here.hear(7, waiting(here, "The host is busy."), first=20)
    assert (await here.said())[1:] == [
        f"7 jobs have to wait, the first of them until {until}: The host is busy. /queue"
    ]


async def test_a_failure_is_said_once_also_when_its_message_is_gone(here: Scene) -> None:
    job = failed(here, chat_id=ELSEWHERE)(5)
    here.notices.changed(job)
    assert await here.said() == [lines([5])]
    here.unheard(job)
    here.unheard(failed(here)(6))
    here.unheard(failed(here)(6))
    assert await here.said() == [lines([5]), lines([6])]
    assert here.marked == [[5], [6], [6]]
    here.notices.changed(replace(job, state=JobState.RUNNING))
    here.notices.changed(job)
    assert (await here.said())[2:] == [lines([5])]


async def test_what_is_tried_again_at_once_is_not_said(here: Scene) -> None:
    job = failed(here, chat_id=ELSEWHERE)(5)
    here.notices.changed(job)
    here.notices.changed(replace(job, state=JobState.QUEUED))
    assert await here.said() == []


async def test_a_flood_wait_is_waited_out_and_nothing_is_said_twice(here: Scene) -> None:
    here.loopback.faults.fail("messages.sendMessage", "FLOOD_WAIT_1", times=1)
    here.loopback.faults.drop("messages.sendMessage", executed=True, times=1)
    here.notices.tell(Notice.DISK, "The disk is full.")
    assert await here.said() == ["The disk is full."]


async def test_a_refused_message_is_given_up_and_the_next_one_is_sent(here: Scene) -> None:
    here.loopback.faults.fail("messages.sendMessage", "PEER_ID_INVALID", times=1)
    here.unheard(failed(here)(6))
    assert await here.said() == []
    assert here.marked == []
    here.unheard(failed(here)(6))
    assert await here.said() == [lines([6])]
    assert here.marked == [[6]]


async def test_markup_stays_and_text_is_escaped(here: Scene) -> None:
    here.notices.tell(Notice.DISK, Markup("<b>{}</b>").format("<full>"))
    assert await here.said() == ["<full>"]
    assert [entity.length for entity in here.loopback.messages()[0].entities] == [6]


async def test_a_lost_session_passes_upwards(tmp_path: Path) -> None:
    async with telegram() as (loopback, account), open_store(tmp_path / "state") as store:
        told = Notices(Messenger(account), Settings(StoredSettings(store)), account.user_id)
        loopback.faults.fail("messages.sendMessage", "SESSION_REVOKED", times=None)
        told.tell(Notice.DISK, "The disk is full.")
        with pytest.raises(ExceptionGroup) as lost:
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                group.create_task(told.run())
                await told.idle()
        assert isinstance(first_of(lost.value), SessionLost)


async def test_messages_keep_their_distance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "PAUSE", 1000.0)
    async with scene(tmp_path) as here:
        for words in ("A.", "B."):
            here.notices.tell(Notice.DISK, words)
        assert await here.said() == ["A.\nB."]
        here.notices.tell(Notice.DISK, "C.")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await here.notices.idle()
        assert len(here.loopback.messages()) == 1
