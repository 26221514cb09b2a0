"""What people use is counted and limited, and what was done is on record, by a real store."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.access import MOST_COMMANDS, Access
from medusa.commands.giving import _record
from medusa.commands.set import COMMAND as SET
from medusa.errors import UserError
from medusa.model import OWNER, Job, JobState, Moved, Order, Person, Role
from medusa.shares import Shares
from medusa.storage import Store, open_store
from medusa.storage.batches import Batches, BatchState, Places
from medusa.storage.jobs import Jobs

ANNA, BEN = 77, 88
NOON = time.mktime((2026, 11, 27, 12, 0, 0, 0, 0, -1))
MB = 1_000_000


class Clock:
    now = NOON


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
async def access(store: Store) -> Access:
    found = Access(store, now=lambda: Clock.now)
    Clock.now = NOON
    await found.load()
    await found.allow(ANNA, "Anna", Role.USER, OWNER)
    await found.limit(ANNA, 10 * MB, 3, OWNER)
    return found


def anna(access: Access) -> Person:
    person = access.person(ANNA)
    assert person is not None
    return person


async def job(store: Store, message: int, person: int = ANNA, count: int = 1) -> list[Job]:
    return await Jobs(store).add([Order("https://a.example/x", person=person)] * count, person, message, Clock.now)


async def fetched(store: Store, one: Job, count: int, **changes: Any) -> None:
    await Jobs(store).save(replace(one, moved=Moved(down=count), **changes))


async def test_bytes_count_on_the_day_on_which_a_job_ends_and_before(store: Store, access: Access) -> None:
    late, waiting, others = [
        (await job(store, number, person))[0] for number, person in ((1, ANNA), (2, ANNA), (3, BEN))
    ]
    await fetched(store, late, 3 * MB, state=JobState.FAILED, ended=NOON)
    await fetched(store, waiting, 4 * MB, state=JobState.WAITING)
    await fetched(store, others, 9 * MB)
    assert await access.books.used(ANNA) == (7 * MB, 2)
    Clock.now += 86_400
    # What was asked for yesterday and fetches today is today's, so that nobody orders a week's worth before midnight.
    assert await access.books.used(ANNA) == (4 * MB, 0)
    assert await access.books.used(0) == (0, 0)


async def test_two_jobs_at_work_do_not_get_the_same_bytes(store: Store, access: Access) -> None:
    first, second = await job(store, 1, count=2)
    books = access.books
    async with books.at_work(first.id, ANNA, lambda: 0), books.at_work(second.id, ANNA, lambda: 0):
        answers = await asyncio.gather(
            books.expect_bytes(first.id, ANNA, 6 * MB),
            books.expect_bytes(second.id, ANNA, 6 * MB),
            return_exceptions=True,
        )
        assert answers[0] is None
        assert str(answers[1]) == (
            "This takes 6.0 MB. 6.0 MB of your 10.0 MB for today are used; it begins anew at midnight."
        )
        await books.expect_bytes(second.id, ANNA, 4 * MB)
        with pytest.raises(UserError, match=r"10\.0 MB of your 10\.0 MB for today are used"):
            await books.expect_jobs(anna(access), 1)
    await books.expect_jobs(anna(access), 1)


async def test_a_job_of_unknown_size_ends_when_it_has_fetched_what_was_left(store: Store, access: Access) -> None:
    [one] = await job(store, 1)
    passed = [2 * MB]
    with pytest.raises(UserError, match=r"11\.0 MB of your 10\.0 MB for today are used"):
        async with asyncio.timeout(60), access.books.at_work(one.id, ANNA, lambda: passed[0]):
            await access.books.expect_bytes(one.id, ANNA, 0)
            passed[0] = 11 * MB
            await asyncio.Event().wait()
    with pytest.raises(TimeoutError):  # other limits of time are nobody's quota
        async with access.books.at_work(one.id, ANNA, lambda: 0), asyncio.timeout(0):
            await asyncio.Event().wait()
    await access.deny(ANNA, OWNER)
    with pytest.raises(UserError, match="not let in any more"):
        await access.books.expect_bytes(one.id, ANNA, 1)


async def test_the_items_of_a_batch_count_from_when_it_was_made(store: Store, access: Access) -> None:
    batches, items = Batches(store), [(n, "", Order("https://a.example/x", person=ANNA)) for n in (1, 2)]
    batch = await batches.add(ANNA, 1, "A list", str(ANNA), Places.NONE, items, Clock.now)
    with pytest.raises(
        UserError, match=r"2 of your 3 jobs an hour are used, and that is 2 more; the next one at 13:00"
    ):
        await access.books.expect_jobs(anna(access), 2)
    await batches.put(replace(batch, state=BatchState.CANCELLED))
    await access.books.expect_jobs(anna(access), 3)
    with pytest.raises(UserError, match=r"0 of your 3 jobs an hour are used, and that is 4 more\.$"):
        await access.books.expect_jobs(anna(access), 4)


async def test_nobody_touches_people_of_the_same_role_or_above(access: Access) -> None:
    admin = await access.allow(BEN, "Ben", Role.ADMIN, OWNER)
    for act in (
        access.allow(99, "Cem", Role.ADMIN, admin),
        access.deny(BEN, admin),
        access.limit(BEN, None, None, admin),
        access.grant(BEN, [1], admin),
        access.trust(ANNA, admin, trusted=True),
        access.deny(ANNA, anna(access)),
        access.deny(99, OWNER),
    ):
        with pytest.raises(UserError):
            await act
    assert (await access.grant(ANNA, [-5, -7], admin)).chats == (-7, -5)
    again = Access(access._store)
    await again.load()
    assert again.people() == access.people()


async def test_who_goes_on_and_on_is_told_once_and_not_obeyed_until_it_is_quiet(access: Access) -> None:
    one, answers = anna(access), []
    for _ in range(300):
        answers.append(access.may_speak(one))
        Clock.now += 1.0
    assert (answers.count(True), answers.count(False)) == (MOST_COMMANDS, 1)
    Clock.now += 60.0
    assert access.may_speak(one)
    assert all(access.may_speak(OWNER) for _ in range(300))


async def test_what_is_cut_off_the_record_is_missed(store: Store, access: Access) -> None:
    await access.allow(BEN, "Ben", Role.VIEWER, OWNER)
    await access.note(anna(access), "dl", "https://a.example")
    assert await access.audit.verified() == 4
    assert await access.audit.erase(ANNA) == 3  # what she did, and what was done to her
    assert [(one.person, one.detail) for one in await access.audit.recent(9) if one.detail] == [(0, f"{BEN} viewer")]
    assert await access.audit.verified() == 4
    assert await access.audit.drop(Clock.now + 1) == 4
    assert await access.audit.verified() == 0
    await access.note(OWNER, "set", "quality 720")
    await access.note(OWNER, "set", "quality best")
    async with store.write() as db:
        await db.run("DELETE FROM audit WHERE id = 6")
    with pytest.raises(LookupError, match="6"):
        await access.audit.verified()
    async with store.write() as db:
        await db.run("DELETE FROM audit")
    with pytest.raises(LookupError, match="5"):
        await access.audit.verified()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.example/x?token=SECRET&y#SECRET -q 720", "https://a.example/x?… -q 720"),
        ("http://me:SECRET@a.example/x", "http://a.example/x"),
        ("https://a:SECRET@b:SECRET@c.example", "https://c.example"),
        ("quality\n 720", "quality 720"),
    ],
)
def test_the_record_keeps_nothing_that_gives_access(given: str, kept: str) -> None:
    assert _record(SET, given) == kept


async def test_who_has_the_fewest_at_work_is_next(store: Store) -> None:
    jobs = Jobs(store)
    await job(store, 1, person=0, count=30)
    [hers], [his] = await job(store, 2, ANNA), await job(store, 3, BEN)
    assert await jobs.queueing() == {0, ANNA, BEN}
    shares = Shares()
    shares.seen([hers, his])

    async def first(*working: int) -> list[int]:
        found = await shares.first(jobs, working, lambda some: some.queued(5), lambda _: True)
        return [one.id for one in found]

    assert await first(0, 0) == [hers.id]
    assert await first(0, 0, ANNA, BEN, BEN) == [hers.id]
    assert await first(0, ANNA, ANNA, BEN) == [1]
    assert await first(0, ANNA) == [his.id]
    for one in (hers, his):
        await jobs.save(replace(one, state=JobState.DONE, ended=1.0))
    assert await first(0, 0) == [1, 2, 3, 4, 5]
