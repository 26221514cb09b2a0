"""Builds everything, from top to bottom, and takes it down again in reverse."""

import asyncio
import platform
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import structlog

from medusa import __version__
from medusa.access import Access
from medusa.batches.conductor import Conductor
from medusa.batches.index import Index
from medusa.batches.places import Keeper
from medusa.batches.planner import Planner
from medusa.batches.turns import Turns
from medusa.cage import has_filter, lacking, landlock_abi
from medusa.channels.destinations import Destinations
from medusa.channels.registry import Registry
from medusa.commands import Command, Desk
from medusa.commands.router import Router
from medusa.config import Config
from medusa.discover import plugins
from medusa.documents import Documents
from medusa.door import Door
from medusa.errors import first_of
from medusa.gates import Budget, QuietHours
from medusa.library import Library
from medusa.model import Notice
from medusa.net import Guard, Refused, open_egress, open_web
from medusa.notices import Notices
from medusa.observe.logs import kept
from medusa.observe.metrics import BYTES
from medusa.pipeline import Pipeline
from medusa.posting import Posting
from medusa.room import Room
from medusa.scheduler import Scheduler
from medusa.settings import (
    ALLOW,
    BUDGET_DOWN,
    BUDGET_UP,
    HTTPS_ONLY,
    LIMIT_DOWN,
    LIMIT_UP,
    PER_HOST,
    QUIET_HOURS,
    TAGS,
    WARN_PLAYING,
    Settings,
)
from medusa.shelf import Shelf
from medusa.sources.looking import Looks, clear
from medusa.sources.ytdlp_update import Updater
from medusa.status import Status
from medusa.storage import Store, open_store
from medusa.storage.answers import Answers
from medusa.storage.batch_pages import BatchPages
from medusa.storage.batches import Batches
from medusa.storage.boards import Boards
from medusa.storage.channels import ChannelTable
from medusa.storage.handled import Handled
from medusa.storage.jobs import Jobs
from medusa.storage.library import Posts
from medusa.storage.menus import Menus
from medusa.storage.outbox import Outbox
from medusa.storage.panel import PanelTable
from medusa.storage.rebuilds import Rebuilds
from medusa.storage.settings import StoredSettings
from medusa.storage.slow import SlowCommands
from medusa.storage.tag_key import TagKey
from medusa.storage.telegram import TelegramState
from medusa.storage.thumb import ThumbTable
from medusa.storage.traffic import TrafficTable
from medusa.storage.uploads import Uploads
from medusa.storage.vault import VaultTable
from medusa.storage.watches import Watches
from medusa.tags import Tags
from medusa.telegram.archive import Archive
from medusa.telegram.chats import Chats
from medusa.telegram.client import Account, open_account
from medusa.telegram.clock import Clock
from medusa.telegram.download import Downloader
from medusa.telegram.held import HeldFiles
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import Messenger
from medusa.telegram.people import People
from medusa.telegram.session import StoreSession
from medusa.telegram.small import SmallFiles
from medusa.telegram.transfer import Uploader
from medusa.telegram.watch import stay_connected
from medusa.throttle import Throttle
from medusa.tools import Tools, find_ffmpeg, find_javascript
from medusa.vault import Vault
from medusa.vitals import Vitals
from medusa.watches.watcher import Watcher
from medusa.web.health import serve_health
from medusa.web.serving import serving

log = structlog.get_logger()

_LOOKS = "looks"
"""The folder beside those of the jobs in which commands look at links."""
LOG_FOLDER = "log"
"""The folder of the log in that of the state."""

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
    vault: Vault
    destinations: Destinations
    access: Access
    router: Router
    clock: Clock
    vitals: Vitals
    desk: Desk

    async def idle(self) -> None:
        """Wait until no list is due, every job has ended and its outcome stands in the chat."""
        await self.watcher.idle()
        await self.conductor.idle()
        await self.scheduler.idle()
        await self.status.idle()
        await self.notices.idle()


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[App]:
    """Medusa at work for as long as the block runs.

    Raises UserError for what only the owner can mend: no login, a wrong key, another Medusa on the same state. When
    something ends Medusa while the block runs, the block is cancelled and that error is raised in its place.
    """
    async with AsyncExitStack() as stack:
        app = _assemble(await _open(config, stack))
        if config.metrics is not None:
            await stack.enter_async_context(serve_health(app.vitals, config.metrics, config.metrics_token))
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
        stay_connected(app.account, app.clock, app.notices.tell),
        _on_time(app.clock, app.scheduler, app.watcher),
    ]


async def _on_time(clock: Clock, scheduler: Scheduler, watcher: Watcher) -> None:
    """Run jobs and watch once this machine knows what time it is; commands are answered before that."""
    await clock.right()
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run())
        group.create_task(watcher.run())


@dataclass(frozen=True, slots=True)
class _Ground:
    """What has to be opened before anything can be built on it."""

    config: Config
    store: Store
    settings: Settings
    budget: Budget
    guard: Guard
    account: Account
    lanes: Lanes
    tools: Tools
    vault: Vault
    updater: Updater
    held: HeldFiles
    destinations: Destinations
    tags: Tags
    access: Access


async def _open(config: Config, stack: AsyncExitStack) -> _Ground:
    store = await stack.enter_async_context(
        open_store(config.data, key_file=config.key_file, passphrase=config.passphrase)
    )
    stack.enter_context(kept(config.data / LOG_FOLDER, config.log_format))
    await clear(config.work / _LOOKS)
    settings = Settings(StoredSettings(store))
    await settings.load()
    vault = Vault(VaultTable(store))
    await vault.load()
    tags = Tags(TagKey(store))
    await tags.load()
    settings.follow(TAGS, tags.turn)
    down, up = Throttle(BYTES.labels("down").inc), Throttle(BYTES.labels("up").inc)
    settings.follow(LIMIT_DOWN, down.limit)
    settings.follow(LIMIT_UP, up.limit)
    guard = Guard(config.allow)
    settings.follow(ALLOW, guard.allow)
    settings.follow(HTTPS_ONLY, guard.https_only)
    web = await stack.enter_async_context(open_web(guard, down))
    egress = await stack.enter_async_context(open_egress(guard, down))
    log.info("children.cage", landlock=landlock_abi(), filter=has_filter(), could=lacking())
    javascript = await asyncio.to_thread(find_javascript)
    session = await StoreSession.load(TelegramState(store))
    if config.session_string and session.auth_key is None:
        await session.import_string(config.session_string)
    account = await stack.enter_async_context(open_account(config, session))
    lanes = await stack.enter_async_context(Lanes(account, throttle=up))
    downloader = await stack.enter_async_context(Downloader(account, throttle=down))
    shelf = Shelf(config.work / "yt-dlp")
    held = HeldFiles(account, Messenger(account), downloader)
    tools = Tools(
        web=web,
        egress=egress,
        ffmpeg=find_ffmpeg(),
        javascript=javascript,
        upload_limit=account.limits.upload_bytes,
        max_bytes=config.max_file,
        extractions=asyncio.Semaphore(config.slots.extract),
        answers=Answers(store),
        secrets=vault.secrets,
        chats=held,
        newer=lambda: shelf.folder,
        thumb=ThumbTable(store).picture,
    )
    access = Access(store)
    await access.load()
    updater = Updater(shelf, tools, config.index)
    await updater.start()
    budget = Budget(TrafficTable(store), down, up)
    registry = Registry(ChannelTable(store), settings)
    await registry.load()
    destinations = Destinations(Chats(account, Messenger(account)), registry, settings, account.user_id)
    return _Ground(
        config, store, settings, budget, guard, account, lanes, tools, vault, updater, held, destinations, tags, access
    )


def _assemble(ground: _Ground) -> App:
    config, store, settings, account = ground.config, ground.store, ground.settings, ground.account
    jobs = Jobs(store)
    messenger = Messenger(account)
    notices = Notices(messenger, settings, account.user_id)
    turns = Turns(Batches(store))
    pipeline = _pipeline(ground, messenger, notices, turns)
    library, files = pipeline.library, SmallFiles(messenger, pipeline.documents.uploader)
    quiet = QuietHours()
    line, gates = account.client.line, (quiet, ground.budget)
    scheduler = Scheduler(jobs, pipeline.run, config.slots, config.work, gates=gates, away=lambda: line.away)
    _obey(settings, scheduler, quiet, ground.budget)
    status = Status(scheduler, jobs, Boards(store), messenger, account.user_id, notices.unheard)
    conductor = _conductor(ground, jobs, scheduler, messenger, files, turns)
    looks = Looks(pipeline.tools_for, config.work / _LOOKS)
    watcher = Watcher(Watches(store), looks.describe, conductor.look_again, notices.tell)
    scheduler.listeners += [status.changed, notices.changed, conductor.changed]
    ground.guard.listeners.append(_warning(scheduler, notices))
    desk = Desk(
        scheduler=scheduler,
        jobs=jobs,
        library=library,
        vault=ground.vault,
        destinations=ground.destinations,
        access=ground.access,
        people=People(account, messenger),
        messenger=messenger,
        settings=settings,
        budget=ground.budget,
        announce=status.announce,
        show_live=status.adopt,
        commands=plugins("medusa.commands", "COMMAND", Command),
        conductor=conductor,
        watcher=watcher,
        files=files,
        archive=Archive(account, messenger),
        rebuilds=Rebuilds(store),
        tags=ground.tags,
        flight=Planner(library, jobs, account.limits.upload_bytes, config.slots).begin,
        updater=ground.updater,
        versions=lambda: versions(ground.tools, ground.updater),
        look=looks.describe,
        read=looks.read,
        inspect=looks.inspect,
        thumbnail=looks.thumbnail,
        thumb=ThumbTable(store),
        log_folder=config.data / LOG_FOLDER,
        following=ground.held.following,
        door=Door(PanelTable(store)),
        home=account.user_id,
    )
    router = Router(account, desk, Handled(store), Menus(store), SlowCommands(store), messenger)
    clock = Clock(account, notices.tell)
    return App(
        config=config, account=account, store=store, jobs=jobs, settings=settings, budget=ground.budget,
        guard=ground.guard, room=pipeline.room, pipeline=pipeline, scheduler=scheduler, conductor=conductor,
        watcher=watcher, status=status, notices=notices, vault=ground.vault, destinations=ground.destinations,
        access=ground.access, router=router, desk=desk, clock=clock,
        vitals=Vitals(account, store, jobs, scheduler, pipeline.room, clock, config, ground.tools.ffmpeg),
    )  # fmt: skip


def _pipeline(ground: _Ground, messenger: Messenger, notices: Notices, turns: Turns) -> Pipeline:
    config, store, account, settings = ground.config, ground.store, ground.account, ground.settings
    library, outbox, uploads = Library(Posts(store), messenger, ground.tags), Outbox(store), Uploads(store)
    decide = ground.destinations.decided
    return Pipeline(
        tools=ground.tools,
        room=Room(config.work, notices.tell, config.keep_free),
        documents=Documents(account, messenger, Uploader(ground.lanes), uploads, outbox, library, decide),
        posting=Posting(account, messenger, outbox, ground.tags),
        uploads=uploads,
        outbox=outbox,
        library=library,
        vault=ground.vault,
        warns=lambda: settings[WARN_PLAYING],
        turn=turns.mine,
        destinations=ground.destinations,
        access=ground.access,
    )


def _conductor(
    ground: _Ground, jobs: Jobs, scheduler: Scheduler, messenger: Messenger, files: SmallFiles, turns: Turns
) -> Conductor:
    batches = Batches(ground.store)
    keeper = Keeper(batches, messenger, files)
    index = Index(batches, BatchPages(ground.store), messenger, ground.account.user_id)
    return Conductor(batches, jobs, scheduler, messenger, keeper, turns, index, ground.config.slots)


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


def versions(tools: Tools, updater: Updater) -> Mapping[str, str]:
    """The versions of Medusa and of what it stands on, by name."""
    return {
        "Medusa": __version__,
        "Python": platform.python_version(),
        "Telethon": version("telethon"),
        "yt-dlp": updater.shown,
        "gallery-dl": _version("gallery-dl"),
        "ffmpeg": str(tools.ffmpeg or "not found"),
        "JavaScript": tools.javascript or "not found",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not found"
