"""Builds everything, from top to bottom, and takes it down again in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from medusa import __version__
from medusa.access import Access
from medusa.alerts import Alerts, Watched
from medusa.backups.quarantine import Quarantine
from medusa.backups.service import Backups
from medusa.batches.conductor import Conductor
from medusa.batches.index import Index
from medusa.batches.places import Keeper
from medusa.batches.planner import Planner
from medusa.batches.turns import Turns
from medusa.care.house import House
from medusa.care.keeper import Keeper as Keeping
from medusa.care.wipe import finishing
from medusa.channels.destinations import Destinations
from medusa.checks import (
    backup_check,
    clock_check,
    disk_check,
    free_for_state,
    line_check,
    look_at_memory,
    ytdlp_check,
)
from medusa.commands import Command, Desk
from medusa.commands.router import Router
from medusa.config import Config
from medusa.discover import plugins
from medusa.documents import Documents
from medusa.door import Door
from medusa.errors import first_of
from medusa.gates import Budget, QuietHours
from medusa.gauges import Gauges
from medusa.ground import LOG_FOLDER, LOOKS, Ground, open_ground
from medusa.library import Library
from medusa.model import Notice
from medusa.net import Guard, Refused
from medusa.notices import Notices
from medusa.numbers import Numbers
from medusa.pipeline import Pipeline
from medusa.poster import Poster
from medusa.posting import Posting
from medusa.room import Room
from medusa.scheduler import Scheduler
from medusa.settings import (
    BUDGET_DOWN,
    BUDGET_UP,
    NOTICES,
    PER_HOST,
    PREFIX,
    QUIET_HOURS,
    STREAMING,
    WARN_PLAYING,
    WATCHING,
    Settings,
)
from medusa.sources.looking import Looks
from medusa.status import Status
from medusa.storage import Store
from medusa.storage.alerts import AlertTable
from medusa.storage.batch_pages import BatchPages
from medusa.storage.batches import Batches
from medusa.storage.boards import Boards
from medusa.storage.handled import Handled
from medusa.storage.jobs import Jobs
from medusa.storage.keyring import Secrets
from medusa.storage.library import Posts
from medusa.storage.menus import Menus
from medusa.storage.outbox import Outbox
from medusa.storage.panel import PanelTable
from medusa.storage.rebuilds import Rebuilds
from medusa.storage.slow import SlowCommands
from medusa.storage.sums import SumTable
from medusa.storage.thumb import ThumbTable
from medusa.storage.uploads import Uploads
from medusa.storage.watches import Watches
from medusa.telegram.archive import Archive
from medusa.telegram.client import Account
from medusa.telegram.clock import Clock
from medusa.telegram.leaving import log_out
from medusa.telegram.messages import Messenger, new_random_id
from medusa.telegram.people import People
from medusa.telegram.small import SmallFiles
from medusa.telegram.thumbs import Thumbs
from medusa.telegram.transfer import Uploader
from medusa.telegram.watch import stay_connected
from medusa.trouble import Trouble
from medusa.vault import Vault
from medusa.versions import versions
from medusa.vitals import Vitals
from medusa.watches.watcher import Watcher
from medusa.web.health import serve_health
from medusa.web.serving import serving

log = structlog.get_logger()


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class App:
    """Medusa at work."""

    config: Config
    account: Account
    store: Store
    jobs: Jobs
    settings: Settings
    budget: Budget
    guard: Guard
    room: Room
    pipeline: Pipeline
    scheduler: Scheduler
    conductor: Conductor
    watcher: Watcher
    status: Status
    notices: Notices
    backups: Backups
    quarantine: Quarantine
    vault: Vault
    destinations: Destinations
    access: Access
    router: Router
    clock: Clock
    vitals: Vitals
    gauges: Gauges
    desk: Desk
    numbers: Numbers
    alerts: Alerts
    house: House

    async def idle(self) -> None:
        """Wait until no list is due, every job has ended and its outcome stands in the chat."""
        await self.watcher.idle()
        await self.conductor.idle()
        await self.scheduler.idle()
        await self.status.idle()
        await self.notices.idle()

    def summary(self) -> str:
        """One line on what is going on, for whoever supervises the process."""
        stands = "connected to Telegram" if self.account.connected else "Telegram cannot be reached"
        return f"{stands}, {len(self.scheduler.live())} jobs at work"


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[App]:
    """Medusa at work for as long as the block runs.

    Raises UserError for what only the owner can mend: no login, a wrong key, another Medusa on the same state. When
    something ends Medusa while the block runs, the block is cancelled and that error is raised in its place.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(finishing(config.data, config.work))
        app = _assemble(await open_ground(config, stack))
        if config.metrics is not None:
            await stack.enter_async_context(serve_health(app.vitals, app.gauges, config.metrics, config.metrics_token))
        await stack.enter_async_context(serving(app.desk, app.store, config))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in _parts(app)]
                log.info("medusa.ready", version=__version__, account=app.account.name)
                yield app
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as errors:
            raise first_of(errors) from errors


def _parts(app: App) -> list[Coroutine[Any, Any, None]]:
    """What runs for as long as Medusa does."""
    return [
        app.status.run(),
        app.notices.run(),
        app.router.run(),
        app.conductor.run(),
        app.room.run(),
        app.budget.run(app.scheduler.look_again),
        app.vault.run(app.notices.tell),
        app.vitals.run(),
        app.numbers.run(),
        app.alerts.run(),
        app.backups.run(),
        app.quarantine.run(app.settings[PREFIX][0]),
        stay_connected(app.account, app.clock, app.notices.tell),
        _on_time(app.clock, app.scheduler, app.watcher, app.house.keeper),
    ]


async def _on_time(clock: Clock, scheduler: Scheduler, watcher: Watcher, keeper: Keeping) -> None:
    """Run jobs, watch and keep once this machine knows what time it is; commands are answered before that."""
    await clock.right()
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run())
        group.create_task(watcher.run())
        group.create_task(keeper.run())


@dataclass(frozen=True, slots=True)
class _Works:
    """What does the jobs, and tells of them."""

    jobs: Jobs
    messenger: Messenger
    notices: Notices
    pipeline: Pipeline
    scheduler: Scheduler
    status: Status
    conductor: Conductor
    watcher: Watcher
    looks: Looks
    files: SmallFiles


def _works(ground: Ground) -> _Works:
    config, store, settings, account = ground.config, ground.store, ground.settings, ground.account
    jobs, messenger = Jobs(store), Messenger(account)
    notices = Notices(messenger, settings, account.user_id)
    turns = Turns(Batches(store))
    pipeline = _pipeline(ground, messenger, notices, turns)
    files = SmallFiles(messenger, pipeline.documents.uploader)
    quiet = QuietHours()
    line, gates = account.client.line, (quiet, ground.budget)
    scheduler = Scheduler(jobs, pipeline.run, config.slots, config.work, gates=gates, away=lambda: line.away)
    _obey(settings, scheduler, quiet, ground.budget)
    status = Status(scheduler, jobs, Boards(store), messenger, account.user_id, notices.unheard)
    conductor = _conductor(ground, jobs, scheduler, messenger, files, turns)
    looks = Looks(pipeline.tools_for, config.work / LOOKS)
    watcher = Watcher(Watches(store), looks.describe, conductor.look_again, notices.tell)
    settings.follow(WATCHING, watcher.turn)
    scheduler.listeners += [status.changed, notices.changed, conductor.changed]
    ground.guard.listeners.append(_warning(scheduler, notices))
    return _Works(jobs, messenger, notices, pipeline, scheduler, status, conductor, watcher, looks, files)


def _assemble(ground: Ground) -> App:
    config, store, account, works = ground.config, ground.store, ground.account, _works(ground)
    notices, pipeline = works.notices, works.pipeline
    backups = Backups(store, ground.settings, notices.tell, config.data, ground.offsite)
    clock = Clock(account, notices.tell)
    vitals, alerts = _health(ground, works, backups, clock)
    gauges = Gauges(account, store, works.jobs, works.scheduler, pipeline.room, clock, backups, config.data)
    desk = _desk(ground, works, backups, alerts)
    router = Router(account, desk, Handled(store), Menus(store), SlowCommands(store), works.messenger)
    return App(
        config=config, account=account, store=store, jobs=works.jobs, settings=ground.settings, budget=ground.budget,
        guard=ground.guard, room=pipeline.room, pipeline=pipeline, scheduler=works.scheduler,
        conductor=works.conductor, watcher=works.watcher, status=works.status, notices=notices, backups=backups,
        quarantine=ground.quarantine, vault=ground.vault, destinations=ground.destinations, access=ground.access,
        router=router, clock=clock, desk=desk, numbers=desk.numbers, alerts=alerts, house=desk.house, vitals=vitals,
        gauges=gauges,
    )  # fmt: skip


def _desk(ground: Ground, works: _Works, backups: Backups, alerts: Alerts) -> Desk:
    config, store, account = ground.config, ground.store, ground.account
    looks, library = works.looks, works.pipeline.library
    return Desk(
        scheduler=works.scheduler,
        jobs=works.jobs,
        library=library,
        vault=ground.vault,
        destinations=ground.destinations,
        access=ground.access,
        people=People(account, works.messenger),
        messenger=works.messenger,
        settings=ground.settings,
        budget=ground.budget,
        announce=works.status.announce,
        show_live=works.status.adopt,
        commands=plugins("medusa.commands", "COMMAND", Command),
        conductor=works.conductor,
        watcher=works.watcher,
        files=works.files,
        archive=Archive(account, works.messenger),
        rebuilds=Rebuilds(store),
        tags=ground.tags,
        house=_house(ground, works.scheduler, works.files),
        flight=Planner(library, works.jobs, account.limits.upload_bytes, config.slots).begin,
        updater=ground.updater,
        versions=lambda: versions(ground.tools, ground.updater),
        look=looks.describe,
        read=looks.read,
        inspect=looks.inspect,
        thumbnail=looks.thumbnail,
        thumb=ThumbTable(store),
        log_folder=config.data / LOG_FOLDER,
        backups=backups,
        following=ground.held.following,
        door=Door(PanelTable(store)),
        thumbs=Thumbs(account, works.messenger),
        home=account.user_id,
        numbers=Numbers(SumTable(store), config.work),
        checks=alerts.checks,
        draw=Poster(ground.tools.ffmpeg, config.work / LOOKS).draw,
    )


def _pipeline(ground: Ground, messenger: Messenger, notices: Notices, turns: Turns) -> Pipeline:
    config, store, account, settings = ground.config, ground.store, ground.account, ground.settings
    library, outbox, uploads = Library(Posts(store), messenger, ground.tags), Outbox(store), Uploads(store)
    decide = ground.destinations.decided
    return Pipeline(
        tools=ground.tools,
        room=Room(config.work, notices.tell, config.keep_free),
        documents=Documents(account, messenger, Uploader(ground.lanes), uploads, outbox, library, decide),
        posting=Posting(account, messenger, outbox, ground.tags, ground.quarantine.stood),
        uploads=uploads,
        outbox=outbox,
        library=library,
        vault=ground.vault,
        warns=lambda: settings[WARN_PLAYING],
        streams=lambda: settings[STREAMING],
        turn=turns.mine,
        destinations=ground.destinations,
        access=ground.access,
    )


def _house(ground: Ground, scheduler: Scheduler, files: SmallFiles) -> House:
    config, account = ground.config, ground.account

    async def send(path: Path, name: str) -> None:
        await files.send_path(account.user_id, None, path, name, new_random_id())

    keeper = Keeping(ground.store, ground.settings, send, lambda: not scheduler.live(), config.work / "export")
    secrets = Secrets(config.key_file, config.passphrase)
    return House(ground.store, config.data, config.work, secrets, keeper, lambda: log_out(account), ground.forget)


def _conductor(
    ground: Ground, jobs: Jobs, scheduler: Scheduler, messenger: Messenger, files: SmallFiles, turns: Turns
) -> Conductor:
    batches = Batches(ground.store)
    keeper = Keeper(batches, messenger, files)
    index = Index(batches, BatchPages(ground.store), messenger, ground.account.user_id)
    return Conductor(batches, jobs, scheduler, messenger, keeper, turns, index, ground.config.slots)


def _health(ground: Ground, works: _Works, backups: Backups, clock: Clock) -> tuple[Vitals, Alerts]:
    """What work needs is looked at by both; the rest is worth a warning, and no reason to be called unready."""
    config, account, settings, room = ground.config, ground.account, ground.settings, works.pipeline.room
    trouble = Trouble(works.jobs.recent)
    works.scheduler.listeners.append(trouble.changed)
    backup = backup_check(lambda: backups.latest)
    needed = [
        line_check(lambda: account.connected),
        disk_check("disk", room.free, "Jobs wait for room."),
        clock_check(lambda: clock.seen),
    ]
    vitals = Vitals(ground.store, config.work, ground.tools.ffmpeg, [*needed, backup])
    for_state = disk_check("state", lambda: free_for_state(config.data), "Soon nothing more can be noted.")
    watched = [
        *(Watched(look) for look in (*needed, vitals.store, vitals.children)),
        Watched(backup, Notice.BACKUP),
        Watched(for_state, Notice.DISK),
        Watched(look_at_memory, Notice.MEMORY),
        Watched(trouble.failures, Notice.FAILURES),
        Watched(trouble.floods, Notice.FLOOD),
        Watched(ytdlp_check(lambda: ground.updater.used, lambda now: trouble.failing(now) is not None), Notice.UPDATE),
    ]
    tell = works.notices.tell
    return vitals, Alerts(watched, AlertTable(ground.store), tell, lambda kind: settings[NOTICES[kind]])


def _obey(settings: Settings, scheduler: Scheduler, quiet: QuietHours, budget: Budget) -> None:
    """Have the settings that say when jobs may run in force, now and whenever they change."""

    def then_look(act: Callable[[T], None]) -> Callable[[T], None]:
        def told(value: T) -> None:
            act(value)
            scheduler.look_again()

        return told

    settings.follow(QUIET_HOURS, then_look(quiet.set))
    settings.follow(BUDGET_DOWN, then_look(budget.down.allow))
    settings.follow(BUDGET_UP, then_look(budget.up.allow))
    settings.follow(PER_HOST, then_look(scheduler.visit))


def _warning(scheduler: Scheduler, notices: Notices) -> Callable[[Refused], None]:
    """Tell the owner where links lead on to; what a link itself names stands in the outcome of its job."""

    def told(refusal: Refused) -> None:
        if refusal.host.removeprefix("www.").removeprefix("m.") not in {run.job.order.host for run in scheduler.live()}:
            notices.tell(Notice.NETWORK, f"Network guard: {refusal.user_text}")

    return told
