"""The families of tables on a real encrypted file."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medusa.errors import Broken
from medusa.model import Job, JobState, LocalFile, Media, Order, Priority, Stage
from medusa.storage import Store, open_store
from medusa.storage.boards import Boards
from medusa.storage.handled import Handled
from medusa.storage.jobs import Jobs
from medusa.storage.library import Posts
from medusa.storage.menus import Menus, Offer
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.settings import StoredSettings
from medusa.storage.telegram import Entity, Login, TelegramState, UpdateState
from medusa.storage.turns import Place
from medusa.storage.uploads import Upload, Uploads
from tests.integration.storage_kit import CHAT, HIGHEST, LOWEST, Log, add, order, posted, put_entries, put_upload


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def test_jobs_of_a_message_are_added_once(store: Store) -> None:
    jobs = Jobs(store)
    first = await add(store, 7, 3)
    assert [job.id for job in first] == [1, 2, 3]
    assert first[2] == Job(3, JobState.QUEUED, order(2), CHAT, 7, 100.0, turn=100002)
    assert await Handled(store).seen(CHAT, 7)
    await jobs.save(replace(first[0], state=JobState.DONE))
    again = await jobs.add([order(number) for number in range(5)], CHAT, 7, 200.0)
    assert [job.id for job in again] == [1, 2, 3]
    assert again[0].state == JobState.DONE
    assert [job.id for job in await add(store, 8)] == [4]
    assert await jobs.add([], CHAT, 9, 100.0) == []


async def test_the_same_message_twice_at_once_gives_one_set_of_jobs(store: Store) -> None:
    both = await asyncio.gather(add(store, 7, 3), add(store, 7, 3))
    assert both[0] == both[1]
    assert len(await Jobs(store).live()) == 3


async def test_jobs_are_added_all_or_none(store: Store) -> None:
    with pytest.raises(OverflowError):
        await Jobs(store).add([order(1)], CHAT, 2**63, 100.0)
    assert await Jobs(store).live() == []


async def test_a_job_comes_back_as_it_was_saved(store: Store) -> None:
    jobs = Jobs(store)
    [job] = await add(store, 7)
    media = Media("mov,mp4", 12.5, 640, 360, 90, "h264", None, "Title ✓", "Performer", streamable=True)
    full = replace(
        job,
        order=Order("https://example.org/a", "720", "name", 'caption "🎬" \udc80', True, True, True),
        state=JobState.WAITING,
        stage=Stage.UPLOAD,
        attempts=3,
        not_before=1234.5,
        reason="flood wait",
        title="שלום 🎬 \x00",
        size=2**40,
        post_id=55,
        ended=99.25,
        told=True,
        files=(
            LocalFile(Path("/work/1/a \udcff.mp4"), "a.mp4", "video/mp4", media, Path("/work/1/a.jpg"), "A"),
            LocalFile(Path("b.pdf"), "b.pdf", "application/pdf"),
        ),
    )
    await jobs.save(full)
    assert await jobs.get(job.id) == full
    assert await jobs.get(99) is None


async def test_titles_that_are_no_unicode_are_kept_readable(store: Store) -> None:
    jobs = Jobs(store)
    [job] = await add(store, 7)
    await jobs.save(replace(job, title="a\ud800b", reason="c\udc80d"))
    saved = await jobs.get(job.id)
    assert saved is not None
    assert (saved.title, saved.reason) == ("a?b", "c?d")


async def test_saving_a_job_that_was_never_added_is_an_error(store: Store) -> None:
    with pytest.raises(LookupError):
        await Jobs(store).save(Job(5, JobState.QUEUED, order(1), CHAT, 7, 0.0))


async def test_each_list_has_the_jobs_that_it_is_for(store: Store) -> None:
    jobs = Jobs(store)
    for message_id, state in enumerate(JobState, start=1):
        [job] = await add(store, message_id)
        await jobs.save(replace(job, state=state, not_before=500.0 if state == JobState.WAITING else 0.0))
    [told] = await add(store, 50)
    await jobs.save(replace(told, state=JobState.DONE, told=True))
    states = [job.state for job in await jobs.live()]
    assert states == [JobState.RUNNING, JobState.QUEUED, JobState.WAITING, JobState.PAUSED]
    assert list((await jobs.counts()).values()) == [1, 1, 1, 1]
    assert await jobs.numbers(JobState.PAUSED, JobState.QUEUED) == [4, 1]
    assert await jobs.failed(0.0) == []
    await jobs.wake(499.0)
    assert [job.state for job in await jobs.queued(10)] == [JobState.QUEUED]
    await jobs.wake(500.0)
    assert [(job.state, job.reason) for job in await jobs.queued(10)] == [(JobState.QUEUED, "")] * 2
    assert [job.id for job in await jobs.queued(1)] == [1]
    assert [job.state for job in await jobs.untold()] == [JobState.DONE, JobState.FAILED, JobState.CANCELLED]
    assert [job.id for job in await jobs.recent(3)] == [8, 7, 6]
    assert [job.id for job in await jobs.recent(3, before_id=6)] == [5, 4, 3]


async def test_the_owner_is_told_once_of_the_jobs_that_were_marked(store: Store) -> None:
    jobs = Jobs(store)
    for job in await add(store, 7, 3):
        await jobs.save(replace(job, state=JobState.DONE))
    [anew] = await add(store, 8)
    before = store.commits
    await jobs.mark_told([])
    assert store.commits == before
    await jobs.mark_told([1, 3, anew.id])
    assert store.commits == before + 1
    assert [job.id for job in await jobs.untold()] == [2]
    assert [job.id for job in await jobs.queued(5)] == [anew.id]
    assert [(job.id, job.told) for job in await jobs.of_message(CHAT, 7)] == [(1, True), (2, False), (3, True)]
    assert await jobs.of_message(CHAT, 9) == []


async def test_the_next_due_time_is_that_of_the_waiting_jobs(store: Store) -> None:
    jobs = Jobs(store)
    assert await jobs.next_due() is None
    states = (JobState.WAITING, JobState.WAITING, JobState.PAUSED, JobState.FAILED)
    for job, state, time in zip(await add(store, 7, 4), states, (30.0, 20.0, 10.0, 5.0), strict=True):
        await jobs.save(replace(job, state=state, not_before=time))
    assert await jobs.next_due() == 20.0


async def move(store: Store, place: Place, *numbers: int, message_id: int) -> None:
    await Jobs(store).move(numbers, place, CHAT, message_id, 100.0)


async def order_of(store: Store) -> list[int]:
    return [job.id for job in await Jobs(store).queued(1000)]


async def test_turns_go_by_priority_then_by_arrival_and_age_by_a_day(store: Store) -> None:
    jobs, day = Jobs(store), 86400.0
    for message, (priority, now) in enumerate(
        [
            (Priority.LOW, 0.0),
            (Priority.NORMAL, 10.0),
            (Priority.HIGH, 20.0),
            (Priority.NORMAL, 30.0),
            (Priority.NORMAL, day + 1.0),
            (Priority.HIGH, 2 * day + 2.0),
        ],
        start=1,
    ):
        await jobs.add([order(0), order(1)], CHAT, message, now, priority=priority)
    assert await order_of(store) == [5, 6, 3, 4, 7, 8, 1, 2, 9, 10, 11, 12]
    await jobs.prioritise(2, Priority.HIGH)
    await jobs.prioritise(5, Priority.LOW)
    assert await order_of(store) == [2, 6, 3, 4, 7, 8, 1, 9, 10, 11, 12, 5]
    changed = await jobs.get(2)
    assert changed is not None
    assert changed.priority is Priority.HIGH


async def test_a_clock_that_is_set_back_keeps_first_come_first_served(store: Store) -> None:
    jobs = Jobs(store)
    for message, now in enumerate([5e9, 1000.0, 999.0, 5e9], start=1):
        await jobs.add([order(0), order(1)], CHAT, message, now)
    assert await order_of(store) == list(range(1, 9))
    await jobs.add([order(0)], CHAT, 9, 1000.0, priority=Priority.HIGH)
    assert (await order_of(store))[0] == 9


@pytest.mark.parametrize(
    ("number", "place", "result"),
    [
        (3, Place.TOP, [3, 1, 2, 4]),
        (3, Place.UP, [1, 3, 2, 4]),
        (3, Place.DOWN, [1, 2, 4, 3]),
        (2, Place.BOTTOM, [1, 3, 4, 2]),
        (1, Place.TOP, [1, 2, 3, 4]),
        (1, Place.UP, [1, 2, 3, 4]),
        (4, Place.DOWN, [1, 2, 3, 4]),
        (4, Place.BOTTOM, [1, 2, 3, 4]),
    ],
)
async def test_a_queued_job_moves(store: Store, number: int, place: Place, result: list[int]) -> None:
    await add(store, 7, 4)
    before = store.commits
    await move(store, place, number, message_id=70)
    assert store.commits == before + 1
    assert await order_of(store) == result
    assert [job.id for job in await add(store, 8)] == [5]
    assert await order_of(store) == [*result, 5]


async def test_a_message_moves_jobs_once(store: Store) -> None:
    """Else a kill before the message is noted as handled would have it done twice."""
    await add(store, 7, 4)
    for _ in range(2):
        await move(store, Place.UP, 3, 4, message_id=70)
        assert await Handled(store).seen(CHAT, 70)
        assert await order_of(store) == [1, 3, 4, 2]
    await move(store, Place.UP, 3, 4, message_id=71)
    assert await order_of(store) == [3, 4, 1, 2]


async def test_only_queued_jobs_move_and_equal_turns_part(store: Store) -> None:
    jobs = Jobs(store)
    first, *_ = await add(store, 7, 3)
    await jobs.save(replace(first, state=JobState.PAUSED))
    await move(store, Place.DOWN, 1, 99, message_id=70)
    assert await order_of(store) == [2, 3]
    async with store.write() as db:
        await db.run("UPDATE jobs SET turn = 5")
    await move(store, Place.UP, 3, message_id=71)
    assert await order_of(store) == [3, 2]
    await move(store, Place.DOWN, 3, message_id=72)
    assert await order_of(store) == [2, 3]


async def test_a_job_that_is_queued_anew_comes_after_those_that_are(store: Store) -> None:
    jobs = Jobs(store)
    first, *_ = await add(store, 7, 3)
    await jobs.save(replace(first, state=JobState.FAILED, ended=50.0))
    assert await jobs.failed(50.0) == [1]
    assert await jobs.failed(51.0) == []
    assert await jobs.unsuccessful([1, 2, 99]) == [1]
    await jobs.requeue(replace(first, attempts=0), 100.0)
    assert await order_of(store) == [2, 3, 1]


async def test_saving_a_job_leaves_its_priority_and_turn_alone(store: Store) -> None:
    jobs = Jobs(store)
    first, *_ = await add(store, 7, 2)
    await jobs.prioritise(2, Priority.HIGH)
    await move(store, Place.BOTTOM, 2, message_id=70)
    await jobs.save(replace(first, id=2, title="T"))
    assert await order_of(store) == [1, 2]
    saved = await jobs.get(2)
    assert saved is not None
    assert (saved.title, saved.priority) == ("T", Priority.HIGH)


async def test_a_job_that_is_put_off_waits_for_a_reason(store: Store) -> None:
    jobs = Jobs(store)
    [later] = await jobs.add([order(0)], CHAT, 1, 100.0, not_before=200.0, reason="Scheduled.")
    [now] = await jobs.add([order(0)], CHAT, 2, 100.0, not_before=50.0, reason="Scheduled.")
    assert (later.state, later.not_before, later.reason) == (JobState.WAITING, 200.0, "Scheduled.")
    assert now.state is JobState.QUEUED
    await jobs.wake(200.0)
    assert await order_of(store) == [1, 2]


async def test_the_queue_is_read_page_by_page_in_its_order(store: Store) -> None:
    jobs = Jobs(store)
    states = [JobState.PAUSED, JobState.WAITING, JobState.QUEUED, JobState.DONE, JobState.RUNNING] * 4
    for job, state in zip(await add(store, 7, 20), states, strict=True):
        await jobs.save(replace(job, state=state, not_before=100.0 - job.id if state is JobState.WAITING else 0.0))
    whole = [5, 10, 15, 20, 3, 8, 13, 18, 17, 12, 7, 2, 1, 6, 11, 16]
    assert [job.id for job in await jobs.line(0, 100)] == whole
    for size in (1, 3, 5, 16):
        pages = [await jobs.line(offset, size) for offset in range(0, 18, size)]
        assert [job.id for page in pages for job in page] == whole
    assert await jobs.line(16, 5) == []


async def test_a_chat_knows_what_moves_in_it(store: Store) -> None:
    jobs = Jobs(store)
    for job, state in zip(await add(store, 7, 8), [*JobState, JobState.WAITING], strict=True):
        await jobs.save(replace(job, state=state, not_before=100.0 - job.id))
    await jobs.add([order(0)], 5, 1, 0.0)
    assert await jobs.counts_in(CHAT) == {JobState.QUEUED: 1, JobState.RUNNING: 1, JobState.WAITING: 2}
    assert [job.id for job in await jobs.waiting_in(CHAT, 5)] == [8, 3]
    assert [job.id for job in await jobs.waiting_in(CHAT, 1)] == [8]
    await jobs.set_state([8, 1], JobState.CANCELLED, 0.0)
    assert await jobs.counts_in(CHAT) == {JobState.RUNNING: 1, JobState.WAITING: 1}
    [again] = [job for job in await jobs.of_message(CHAT, 7) if job.id == 8]
    await jobs.requeue(replace(again, state=JobState.WAITING), 0.0)
    async with store.write() as db:
        await db.run("DELETE FROM jobs WHERE id IN (2, 5)")
    assert await jobs.counts_in(CHAT) == {JobState.WAITING: 2}
    assert list((await jobs.counts()).values()) == [0, 1, 2, 1]
    assert (await jobs.counts_in(5), await jobs.counts_in(9)) == ({JobState.QUEUED: 1}, {})


async def test_ten_thousand_jobs_cost_the_next_one_no_more(store: Store) -> None:
    """SQLite counts the steps of its virtual machine: those of adding, picking and listing do not grow."""
    jobs = Jobs(store)
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    async def counted(count: int) -> list[int]:
        for start in range(0, count, 1000):
            await jobs.add([order(0)] * min(1000, count), CHAT, -count - start, 0.0)
            await jobs.add([order(0)] * min(1000, count), 5, -count - start, 0.0, not_before=9e9)
        found = []
        for ask in (
            lambda: jobs.queued(5),
            jobs.next_due,
            lambda: jobs.wake(5.0),
            lambda: jobs.move([1], Place.DOWN, CHAT, count, 0.0),
            lambda: jobs.waiting_in(5, 3),
            lambda: jobs.counts_in(5),
            jobs.counts,
            lambda: jobs.line(0, 5),
            lambda: jobs.add([order(0)], CHAT, count, 0.0),
        ):
            await store._connection.set_progress_handler(step, 1)
            steps[0] = 0
            await ask()
            await store._connection.set_progress_handler(lambda: 0, 1_000_000)
            found.append(steps[0])
        return found

    few = await counted(10)
    assert all(few)
    assert all(many <= 2 * one for one, many in zip(few, await counted(5000), strict=True))


@pytest.mark.parametrize(
    ("state", "changed"),
    [
        (JobState.PAUSED, {JobState.QUEUED: JobState.PAUSED, JobState.WAITING: JobState.PAUSED}),
        (JobState.QUEUED, {JobState.PAUSED: JobState.QUEUED}),
        (
            JobState.CANCELLED,
            dict.fromkeys((JobState.QUEUED, JobState.WAITING, JobState.PAUSED), JobState.CANCELLED),
        ),
    ],
)
async def test_many_jobs_change_their_state_in_one_commit(
    store: Store, state: JobState, changed: dict[JobState, JobState]
) -> None:
    """Those that run or have ended are left alone, and each changed one is as if it alone had been changed."""
    jobs = Jobs(store)
    file = LocalFile(Path("a"), "a", "b/c")
    before = {}
    for job, was in zip(await add(store, 7, len(JobState)), JobState, strict=True):
        before[was] = replace(job, state=was, not_before=50.0, title="T", reason="r", files=(file,))
        await jobs.save(before[was])
    commits = store.commits
    found = await jobs.set_state([99, *(job.id for job in before.values())], state, 60.0)
    assert store.commits == commits + 1
    ended = {"ended": 60.0, "reason": "cancelled", "files": (), "not_before": 0.0}
    facts: dict[str, Any] = ended if state is JobState.CANCELLED else {}
    assert found == [replace(before[was], state=now, **facts) for was, now in changed.items()]
    assert [await jobs.get(job.id) for job in found] == found
    for was in set(JobState) - set(changed):
        assert await jobs.get(before[was].id) == before[was]
    assert await jobs.set_state([job.id for job in found], state, 60.0) == []


async def test_a_paused_job_whose_time_has_not_come_goes_on_waiting(store: Store) -> None:
    jobs = Jobs(store)
    for job, not_before in zip(await add(store, 7, 2), (59.0, 61.0), strict=True):
        await jobs.save(replace(job, state=JobState.PAUSED, not_before=not_before))
    found = await jobs.set_state([1, 2], JobState.QUEUED, 60.0)
    assert [job.state for job in found] == [JobState.QUEUED, JobState.WAITING]
    assert await jobs.next_due() == 61.0


async def test_what_stands_in_no_index_is_saved_in_one_page(store: Store, tmp_path: Path) -> None:
    """As a change of the stage is; a job has many of those."""
    [job] = await add(store, 7)
    job = replace(job, state=JobState.RUNNING)
    await Jobs(store).save(job)
    log = Log(tmp_path)
    await Jobs(store).save(replace(job, stage=Stage.FETCH, title="T", size=5))
    assert len(log.news()) == 1


async def test_saving_a_job_is_one_commit(store: Store) -> None:
    [job] = await add(store, 7)
    before = store.commits
    await Jobs(store).save(replace(job, attempts=1))
    assert store.commits == before + 1


async def test_handled_messages_are_known_by_chat_and_number(store: Store) -> None:
    handled = Handled(store)
    await handled.mark(CHAT, 7, 100.0)
    await handled.mark(CHAT, 7, 300.0)
    await handled.mark(5, 8, 200.0)
    seen = [await handled.seen(chat, message) for chat, message in ((CHAT, 7), (5, 8), (5, 7), (CHAT, 8))]
    assert seen == [True, True, False, False]
    await handled.prune(older_than=200.0)
    assert not await handled.seen(CHAT, 7)
    assert await handled.seen(5, 8)


async def test_outbox_entries_keep_their_random_id_for_good(store: Store) -> None:
    box = Outbox(store)
    [job] = await add(store, 7)
    media = Entry(job.id, 0, CHAT, LOWEST, "media", HIGHEST, LOWEST, b"old")
    text = Entry(job.id, 1, CHAT, HIGHEST, "text")
    await put_entries(store, text, media)
    assert await box.entries(job.id) == [media, text]
    await box.posted(job.id, {1: 77})
    await put_entries(store, replace(media, random_id=3, document_id=9, access_hash=8, file_reference=b"new"))
    await put_entries(store, replace(media, document_id=None, access_hash=None, file_reference=None))
    renewed = replace(media, document_id=9, access_hash=8, file_reference=b"new")
    assert await box.entries(job.id) == [renewed, replace(text, message_id=77)]
    assert await box.entries(job.id + 1) == []


async def test_outbox_entries_are_put_together_or_not_at_all(store: Store) -> None:
    box = Outbox(store)
    [job] = await add(store, 7)
    entry = Entry(job.id, 0, CHAT, 1, "text")
    with pytest.raises(Broken):
        await put_entries(store, entry, replace(entry, seq=1, job_id=99))
    assert await box.entries(job.id) == []


async def test_uploads_are_put_in_place_of_what_was_noted_before(store: Store) -> None:
    kept = Uploads(store)
    jobs = await add(store, 7, 2)
    first = Upload(jobs[0].id, 0, LOWEST, 524288, 2**33, '"tag"')
    other = Upload(jobs[1].id, 0, 5, 524288, 10)
    await put_upload(store, first)
    await put_upload(store, other)
    further = replace(first, file_id=6, version="")
    await put_upload(store, further)
    assert await kept.get(jobs[0].id, 0) == further
    assert await kept.get(jobs[0].id, 1) is None
    await kept.forget(jobs[0].id)
    assert await kept.get(jobs[0].id, 0) is None
    assert await kept.get(jobs[1].id, 0) == other


async def test_an_upload_is_dropped_with_the_end_of_its_job_and_not_before(store: Store) -> None:
    kept = Uploads(store)
    [job] = await add(store, 7)
    await put_upload(store, Upload(job.id, 0, 1, 524288, 10))
    await Jobs(store).save(replace(job, state=JobState.WAITING))
    assert await kept.get(job.id, 0) is not None
    await Jobs(store).save(replace(job, state=JobState.FAILED))
    assert await kept.get(job.id, 0) is None


async def test_each_chat_has_one_live_message(store: Store) -> None:
    boards = Boards(store)
    await boards.put(CHAT, 5)
    await boards.put(CHAT, 6)
    await boards.put(7, 8)
    assert sorted(await boards.all()) == [(CHAT, 6), (7, 8)]
    await boards.forget(CHAT)
    assert await boards.all() == [(7, 8)]


async def test_settings_are_set_changed_and_unset(store: Store) -> None:
    settings = StoredSettings(store)
    assert await settings.all() == {}
    await settings.set("quality", "720")
    await settings.set("quality", "1080")
    await settings.set("caption", "")
    assert await settings.all() == {"caption": "", "quality": "1080"}
    await settings.unset("quality")
    await settings.unset("never set")
    assert await settings.all() == {"caption": ""}


async def test_telegram_state_comes_back_and_is_forgotten_whole(store: Store) -> None:
    state = TelegramState(store)
    login = Login(2, "149.154.167.51", 443, bytes(range(256)), takeout_id=HIGHEST)
    updates = [UpdateState(0, 5, 6, 7, 8), UpdateState(123, 9, 0, 0, 0)]
    assert await state.login() is None
    await state.save(login, [Entity(1, LOWEST, "ann", "4412", "Ann")], updates)
    await state.save(None, [Entity(1, LOWEST, "anne", "4412", "Ann")], [updates[1]._replace(pts=10)])
    assert await state.login() == login
    assert await state.updates() == [updates[0], updates[1]._replace(pts=10)]
    other = replace(login, auth_key=b"o" * 256, takeout_id=None)
    await state.replace(other)
    assert (await state.login(), await state.updates(), await state.by_ids([1])) == (other, [], None)
    await state.replace(None)
    assert await state.login() is None


async def test_a_login_is_stored_with_its_whole_key_or_not_at_all(store: Store) -> None:
    state = TelegramState(store)
    good = Login(2, "127.0.0.1", 443, b"k" * 256)
    await state.save(good)
    with pytest.raises(Broken):
        await state.save(replace(good, auth_key=b""))
    assert await state.login() == good
    assert "kkk" not in repr(good)


async def test_entities_are_found_and_a_username_leads_to_its_present_holder(store: Store) -> None:
    state = TelegramState(store)
    ann, ben = Entity(1, 11, "ann", "4412", "Ann"), Entity(-1000000000002, 22, "ben", None, "Ben")
    await state.save(None, [ann, ben])
    assert await state.by_ids([5, -1000000000002, 1]) == ben
    assert await state.by_phone("4412") == ann
    assert await state.by_name("Ben") == ben
    await state.save(None, [ann._replace(username="ben")])
    assert await state.by_username("ben") == ann._replace(username="ben")
    assert await state.by_username("ann") is None
    assert (await state.by_ids([ben.id])) == ben._replace(username=None)


async def test_every_statement_finds_its_rows_by_an_index(store: Store) -> None:
    """All methods are used once, and SQLite is asked how it ran what they ran."""
    ran: list[str] = []
    await store._connection.set_trace_callback(ran.append)
    await use_everything(store)
    await store._connection.set_trace_callback(lambda _: None)
    asked = {sql for sql in ran if sql.startswith(("SELECT", "UPDATE", "DELETE")) and " WHERE " in sql}
    plans = {sql: " | ".join(row[3] for row in await store.read(f"EXPLAIN QUERY PLAN {sql}")) for sql in asked}
    pruning = "DELETE FROM handled WHERE at < 1.0"  # once in a run, which is not worth a page with each command
    assert {sql for sql, plan in plans.items() if "INDEX" not in plan and "PRIMARY KEY" not in plan} == {pruning}
    assert {sql for sql, plan in plans.items() if "TEMP B-TREE" in plan} == set()
    of_jobs = {sql: plan.replace("SCAN json_each VIRTUAL", "") for sql, plan in plans.items() if "job" in sql}
    assert {sql for sql, plan in of_jobs.items() if "SCAN" in plan} == set()
    by_state = {sql: plan for sql, plan in plans.items() if "jobs WHERE state " in sql or "WHERE told = 0" in sql}
    assert {sql for sql, plan in by_state.items() if "INDEX jobs_" not in plan} == set()
    assert len(by_state) == 23
    of_library = {
        sql: plan.replace("SCAN library_words VIRTUAL", "") for sql, plan in plans.items() if "library" in sql
    }
    assert {sql for sql, plan in of_library.items() if "SCAN" in plan} == set()
    assert len(plans) > 40


async def use_the_library(store: Store) -> None:
    posts, post = Posts(store), await posted(store, 70)
    await posts.get(post.id)
    await posts.of_source(post.source)
    await posts.of_source(post.source, CHAT)
    await posts.of_content(5, b"c", as_document=True, name=None)
    await posts.has_size(5)
    await posts.of_document(1)
    await posts.recent(3, 9)
    await posts.find("film", 3, 9)
    await posts.forget(post.id)


async def use_everything(store: Store) -> None:
    jobs, handled, box, kept = Jobs(store), Handled(store), Outbox(store), Uploads(store)
    settings, state = StoredSettings(store), TelegramState(store)
    [job] = await add(store, 7)
    await jobs.save(job)
    await jobs.get(job.id)
    await jobs.live()
    await jobs.queued(3)
    await jobs.wake(5.0)
    await jobs.sooner(5.0, 5.0, "Scheduled")
    await jobs.requeue(job, 5.0)
    await jobs.prioritise(job.id, Priority.LOW)
    for number, place in enumerate(Place, start=80):
        await move(store, place, job.id, message_id=number)
    for target in (JobState.PAUSED, JobState.QUEUED, JobState.CANCELLED):
        await jobs.set_state([5, 6], target, 5.0)
    await jobs.counts()
    await jobs.numbers(JobState.RUNNING, JobState.QUEUED, JobState.WAITING, JobState.PAUSED)
    await jobs.failed(5.0)
    await jobs.unsuccessful([1, 2])
    for number, one in enumerate((JobState.RUNNING, JobState.QUEUED, JobState.WAITING, JobState.PAUSED), start=30):
        [other] = await add(store, number)
        await jobs.save(replace(other, state=one))
    await jobs.line(0, 10)
    await jobs.counts_in(CHAT)
    await jobs.waiting_in(CHAT, 3)
    await jobs.recent(3)
    await jobs.recent(3, 9)
    await jobs.untold()
    await jobs.of_message(CHAT, 7)
    await jobs.mark_told([1])
    await jobs.next_due()
    await Boards(store).put(1, 2)
    await Boards(store).all()
    await Boards(store).forget(1)
    await handled.mark(1, 2, 3.0)
    await handled.seen(1, 2)
    await handled.prune(1.0)
    await Menus(store).put(1, 2, Offer("job {}", ("1",), True, 3.0))
    await Menus(store).get(1, 2)
    await put_entries(store, Entry(job.id, 0, 1, 2, "text"))
    await box.entries(job.id)
    await box.posted(job.id, {0: 5})
    await use_the_library(store)
    await put_upload(store, Upload(job.id, 0, 1, 2, 3))
    await kept.get(job.id, 0)
    await kept.forget(job.id)
    await settings.set("a", "b")
    await settings.all()
    await settings.unset("a")
    await state.save(Login(1, "a", 2, b"k" * 256), [Entity(1, 2, "a", "b", "c")], [UpdateState(0, 1, 2, 3, 4)])
    await state.by_ids([1])
    await state.by_username("a")
    await state.by_phone("b")
    await state.by_name("c")
    await state.login()
    await state.updates()
    await state.replace(None)
