"""Troubles of the account, the connection and the clock, provoked by the embedded Telegram.

| failure | its test |
|---|---|
| AUTH_KEY_DUPLICATED, revoked, | test_an_account_that_is_lost_stops_medusa_and_keeps_its_jobs, |
| unregistered, banned, frozen | test_what_starts_medusa_is_told_not_to_do_so_again |
| a restored backup starts without its auth key | tests/integration/test_backups.py: |
| | test_a_backup_restores_all_but_the_login_and_lets_nothing_run |
| missed updates | test_connections_that_fail_again_and_again_are_told_once, |
| | test_a_deletion_in_a_channel_hides_no_command |
| silent hang | test_a_telegram_that_takes_and_never_answers_gets_another_connection, |
| | test_a_telegram_that_never_answers_at_all_is_tried_again |
| disconnects | test_connections_that_fail_again_and_again_are_told_once, |
| | test_pauses_between_tries_grow_to_a_bound_and_are_uneven, test_what_telethon_drops_is_done_again |
| clock drift | test_a_wrong_clock_is_told_once, test_jobs_wait_for_the_right_time, test_they_do_not_wait_for_ever |
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from telethon import utils
from telethon._updates.messagebox import ENTRY_ACCOUNT

from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.errors import UserError
from medusa.loopback import Loopback
from medusa.model import JobState, Notice
from medusa.storage import open_store
from medusa.storage.jobs import Jobs
from medusa.storage.telegram import TelegramState
from medusa.telegram import client, clock, line, watch
from medusa.telegram.clock import Clock
from medusa.telegram.errors import SessionLost
from medusa.telegram.line import Line
from medusa.telegram.messages import Messenger
from tests.e2e.kit import post, send
from tests.e2e.test_kill import PATIENCE, World, outside
from tests.e2e.test_trouble import WITHIN, reaches

LOST = [
    ("AUTH_KEY_DUPLICATED", "used from two places at once", False),
    ("SESSION_REVOKED", "ended from another device", False),
    ("AUTH_KEY_UNREGISTERED", "no longer knows this session", True),
    ("USER_DEACTIVATED_BAN", "has banned this account", True),
    ("forgotten", "no longer knows this session", True),
    ("frozen", "has frozen this account", True),
]
"""How an account is lost, the owner's words for it, and whether its key may be good again."""


async def until(condition: object, seconds: float = WITHIN) -> None:
    """Wait for a plain condition."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def lose(telegram: Loopback, how: str) -> None:
    if how == "frozen":
        telegram.faults.freeze(telegram.owner)
    elif how == "forgotten":
        telegram.faults.forget_keys(telegram.owner)
        telegram.faults.drop_connections()
    else:
        telegram.faults.revoke(telegram.owner, how)


@pytest.mark.parametrize(("how", "words", "kept"), LOST)
async def test_an_account_that_is_lost_stops_medusa_and_keeps_its_jobs(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path, how: str, words: str, kept: bool
) -> None:
    with pytest.raises(SessionLost, match=words) as caught:
        async with asyncio.timeout(WITHIN), open_stage(config, tmp_path / "stage", samples_folder) as stage:
            await stage.owner.send(0, f"/dl {stage.media.link('slow/clip.mp4?rate=50000')}")
            await reaches(stage, 1, JobState.RUNNING)
            lose(stage.telegram, how)
            stage.app.status.announce(stage.owner.user_id, 1)
            await asyncio.Event().wait()
    assert "All jobs stay as they are." in caught.value.user_text
    async with open_store(tmp_path / "stage" / "state") as store:
        assert (await TelegramState(store).login() is not None) is kept
        job = await Jobs(store).get(1)
        assert job is not None
        assert job.state is JobState.RUNNING


async def test_after_a_new_login_the_chats_of_old_jobs_are_found_again(stage: Stage) -> None:
    channel = await stage.channel("Films")
    account = stage.app.account
    async with stage.app.store.write() as db:
        await db.run("DELETE FROM telegram_entities")
    account.client.session._new_entities.clear()
    account.client._mb_entity_cache.hash_map.clear()
    lists = stage.telegram.calls["messages.getDialogs"]
    message = await Messenger(account).say(channel, "here")
    assert stage.telegram.messages(channel)[-1].id == message
    assert stage.telegram.calls["messages.getDialogs"] > lists
    with pytest.raises(UserError, match="does not know that chat"):
        await Messenger(account).say(-1009999999999, "nowhere")


@pytest.fixture
async def world(samples: Samples, tmp_path: Path) -> AsyncIterator[World]:
    async with outside(samples, tmp_path) as world:
        yield world


async def test_what_starts_medusa_is_told_not_to_do_so_again(world: World) -> None:
    process = await world.start()
    world.telegram.faults.freeze(world.telegram.owner)
    await world.phone.history(0)
    world.telegram.faults.drop_connections()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    again = await world.launch()
    assert again.stderr is not None
    said = (await again.stderr.read()).decode()
    assert await again.wait() == 3
    assert "frozen" in said
    assert "https://t.me/spambot" in said
    assert "Traceback" not in said
    idle = await world.launch("--stay")
    await world.said(idle, "Medusa stays here, idle.")
    assert idle.returncode is None
    idle.send_signal(signal.SIGTERM)
    assert await idle.wait() == 3


@pytest.fixture
async def watchful(
    monkeypatch: pytest.MonkeyPatch, config: Config, tmp_path: Path, samples: Samples, samples_folder: Path
) -> AsyncIterator[Stage]:
    """A stage on which Medusa looks after its connection all the time."""
    monkeypatch.setattr(watch, "SILENT_FOR", 0.2)
    for module in (client, clock, line, watch):
        monkeypatch.setattr(module, "ANSWER_WITHIN", 1.0)
    async with open_stage(config, tmp_path / "stage", samples_folder) as stage:
        yield stage


async def test_a_telegram_that_takes_and_never_answers_gets_another_connection(watchful: Stage) -> None:
    state = watchful.app.account.client._sender._state
    before, faults = state.id, watchful.telegram.faults
    stuck = faults.hang("messages.sendMedia")
    silent = faults.hang("updates.getState", times=None)
    await watchful.owner.send(0, f"/dl {watchful.media.link('notes.pdf')}")
    await until(lambda: stuck.hits and silent.hits and state.id != before)
    silent.stop()
    await reaches(watchful, 1, JobState.DONE)
    post(await send(watchful, "/version"))
    assert watchful.telegram.calls["messages.sendMedia"] == 2


async def test_a_call_that_is_never_answered_is_made_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All else is answered, so that the connection stays: one answer was lost."""
    monkeypatch.setattr(client, "CALL_WITHIN", 1.0)
    telegram = stage.telegram
    stuck = telegram.faults.hang("messages.sendMedia")
    await stage.owner.send(0, f"/dl {stage.media.link('notes.pdf')}")
    await until(lambda: stuck.hits)
    await stage.app.scheduler.idle()
    post(await send(stage, "/version"))
    assert telegram.calls["messages.sendMedia"] == 2


async def test_a_telegram_that_never_answers_at_all_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, config: Config, tmp_path: Path, samples: Samples, samples_folder: Path
) -> None:
    for module in (client, line):
        monkeypatch.setattr(module, "ANSWER_WITHIN", 0.5)
    async with asyncio.timeout(WITHIN), opened_late(config, tmp_path, samples_folder) as stage:
        assert "Telethon" in (await send(stage, "/version"))[-1].text


@asynccontextmanager
async def opened_late(config: Config, folder: Path, samples_folder: Path) -> AsyncIterator[Stage]:
    """A stage whose Telegram keeps silent when Medusa first asks for its configuration."""
    from medusa import loopback

    serve = loopback.serve

    @asynccontextmanager
    async def silent(home: Path) -> AsyncIterator[loopback.Loopback]:
        async with serve(home) as telegram:
            telegram.faults.hang("help.getAppConfig", times=2)
            yield telegram

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loopback, "serve", silent)
        async with open_stage(config, folder / "stage", samples_folder) as stage:
            yield stage


async def test_connections_that_fail_again_and_again_are_told_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "WORTH_TELLING", 0.5)
    heard: list[tuple[Notice, str]] = []
    stage.app.account.client.line.tell = lambda *news: heard.append(news)
    faults = stage.telegram.faults
    with structlog.testing.capture_logs() as logs:
        faults.refuse_connections()
        faults.drop_connections()
        await until(lambda: stage.app.account.client.line._failures >= 3)
        missed = stage.telegram.say("/version")
        faults.refuse_connections(False)
        async with asyncio.timeout(WITHIN):
            while not (text := await said(stage, missed)).startswith("Medusa"):
                await asyncio.sleep(0.1)
        assert "Telethon" in text
    assert [one["event"] for one in logs if one["event"].startswith("telegram.")] == ["telegram.lost", "telegram.back"]
    [(kind, words)] = heard
    assert kind is Notice.SESSION
    assert words.startswith("Telegram could not be reached for ")


async def said(stage: Stage, message_id: int) -> str:
    """What a message in Saved Messages reads, as the server has it."""
    return next(str(m.message) for m in stage.telegram.messages() if m.id == message_id)


def test_pauses_between_tries_grow_to_a_bound_and_are_uneven() -> None:
    one = Line()
    pauses = []
    for _ in range(14):
        pauses.append(one.pause())
        one.broke(ConnectionError("gone"))
    assert pauses[:2] == [0, 0]
    assert all(2 ** (n - 1) / 2 <= pause <= 2 ** (n - 1) for n, pause in enumerate(pauses) if 2 <= n <= 9)
    assert all(line.LONGEST_PAUSE / 2 <= pause <= line.LONGEST_PAUSE for pause in pauses[10:])
    assert len(set(pauses[10:])) == 4


async def test_what_telethon_drops_is_done_again(watchful: Stage) -> None:
    stuck = watchful.telegram.faults.hang("messages.sendMedia")
    await watchful.owner.send(0, f"/dl {watchful.media.link('notes.pdf')}")
    await until(lambda: stuck.hits)
    await watchful.app.account.client.disconnect()
    await reaches(watchful, 1, JobState.DONE)
    post(await send(watchful, "/version"))


async def test_a_deletion_in_a_channel_hides_no_command(stage: Stage) -> None:
    """Telethon takes the place in the channel's updates that comes of it for one in the account's own."""
    telegram, owner = stage.telegram, stage.owner
    films = await stage.channel("Films")
    old = telegram.say("an old note", peer=films)
    while telegram.pts(owner.user_id) < telegram.pts(films):
        telegram.say("a note")
    while telegram.pts(films) < telegram.pts(owner.user_id):
        telegram.say("a note", peer=films)
    places = stage.app.account.client._message_box.map
    channel = utils.resolve_id(films)[0]

    def heard() -> tuple[int, int]:
        return places[ENTRY_ACCOUNT].pts, places[channel].pts

    await until(lambda: heard() == (telegram.pts(owner.user_id), telegram.pts(films)))
    await Messenger(stage.app.account).delete(films, [old])
    missed = telegram.say("/version")
    async with asyncio.timeout(WITHIN):
        while not (await said(stage, missed)).startswith("Medusa"):
            await asyncio.sleep(0.02)
    await until(lambda: heard() == (telegram.pts(owner.user_id), telegram.pts(films)))


async def test_a_wrong_clock_is_told_once(watchful: Stage) -> None:
    heard: list[tuple[Notice, str]] = []
    clock = Clock(watchful.app.account, lambda *news: heard.append(news))
    assert abs(await clock.check()) < 2
    for ahead, words in ((20, "slow"), (-20, "fast")):
        watchful.telegram.faults.set_clock(ahead)
        assert abs(await clock.check() + ahead) < 2
        await clock.check()
        assert len(heard) == 1
        kind, text = heard.pop()
        assert kind is Notice.SESSION
        assert words in text
        watchful.telegram.faults.set_clock(0)
        await clock.check()
        assert not heard


async def test_jobs_wait_for_the_right_time(world: World) -> None:
    world.telegram.faults.set_clock(7200)
    await world.start()
    command = await world.phone.send(0, f"/dl {world.media.link('notes.pdf')}")
    version = await world.phone.send(0, "/version")
    await world.until(lambda: any(m.id == version and "Telethon" in m.message for m in world.telegram.messages()))
    assert not world.telegram.payload
    world.telegram.faults.set_clock(0)
    await world.until(lambda: world.settled(command))
    assert len(world.posts()) == 1


async def test_they_do_not_wait_for_ever(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(clock, "WAIT_FOR_IT", 0.3)
    heard: list[str] = []
    stage.telegram.faults.set_clock(86400 * 365)
    async with asyncio.timeout(PATIENCE):
        await Clock(stage.app.account, lambda _, text: heard.append(text)).right()
    assert len(heard) == 2
    assert heard[1].endswith("Jobs start all the same; their times will be off.")
