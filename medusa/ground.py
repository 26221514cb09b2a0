"""Opens what Medusa stands on: state, settings, network, account."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from medusa.access import Access
from medusa.backups.quarantine import Quarantine
from medusa.cage import has_filter, lacking, landlock_abi
from medusa.channels.destinations import Destinations
from medusa.channels.registry import Registry
from medusa.config import Config
from medusa.gates import Budget
from medusa.net import Guard, open_egress, open_web
from medusa.observe.logs import kept
from medusa.observe.metrics import BYTES
from medusa.settings import (
    ALLOW,
    HTTPS_ONLY,
    LIMIT_DOWN,
    LIMIT_UP,
    TAGS,
    Settings,
)
from medusa.shelf import Shelf
from medusa.sources.looking import clear
from medusa.sources.ytdlp_update import Updater
from medusa.storage import Store, open_store
from medusa.storage.answers import Answers
from medusa.storage.backups import BackupTable
from medusa.storage.channels import ChannelTable
from medusa.storage.jobs import Jobs
from medusa.storage.settings import StoredSettings
from medusa.storage.tag_key import TagKey
from medusa.storage.telegram import TelegramState
from medusa.storage.thumb import ThumbTable
from medusa.storage.traffic import TrafficTable
from medusa.storage.vault import VaultTable
from medusa.tags import Tags
from medusa.telegram.chats import Chats
from medusa.telegram.client import Account, open_account
from medusa.telegram.download import Downloader
from medusa.telegram.held import HeldFiles
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import Messenger
from medusa.telegram.offsite import Offsite
from medusa.telegram.session import StoreSession
from medusa.telegram.transfer import Uploader
from medusa.throttle import Throttle
from medusa.tools import Tools, find_ffmpeg, find_javascript
from medusa.vault import Vault

log = structlog.get_logger()

LOOKS = "looks"
"""The folder beside those of the jobs in which commands look at links."""
LOG_FOLDER = "log"
"""The folder of the log in that of the state."""


@dataclass(frozen=True, slots=True)
class Ground:
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
    offsite: Offsite
    quarantine: Quarantine

    async def forget(self, person: int) -> None:
        """Know no more of a person than is stored, which is nothing once that person was erased."""
        self.settings.forget(person)
        await self.access.load()


async def open_ground(config: Config, stack: AsyncExitStack) -> Ground:
    """Open everything, for as long as the stack lives. Raises MedusaError."""
    store = await stack.enter_async_context(
        open_store(config.data, key_file=config.key_file, passphrase=config.passphrase)
    )
    stack.enter_context(kept(config.data / LOG_FOLDER, config.log_format))
    await clear(config.work / LOOKS)
    settings = Settings(StoredSettings(store))
    await settings.load()
    vault = Vault(VaultTable(store))
    await vault.load()
    tags = Tags(TagKey(store))
    await tags.load()
    settings.follow(TAGS, tags.turn)
    down, up = Throttle("down", BYTES.labels("down").inc), Throttle("up", BYTES.labels("up").inc)
    settings.follow(LIMIT_DOWN, down.limit)
    settings.follow(LIMIT_UP, up.limit)
    guard = Guard(config.allow)
    settings.follow(ALLOW, guard.allow)
    settings.follow(HTTPS_ONLY, guard.https_only)
    web = await stack.enter_async_context(open_web(guard, down))
    egress = await stack.enter_async_context(open_egress(guard, down))
    log.info("children.cage", landlock=landlock_abi(), filter=has_filter(), could=lacking())
    javascript = await asyncio.to_thread(find_javascript)
    account = await stack.enter_async_context(open_account(config, await _session(config, store)))
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
    offsite = Offsite(account, Messenger(account), Uploader(lanes), downloader)
    quarantine = Quarantine(BackupTable(store), Jobs(store), offsite)
    await quarantine.load()
    return Ground(
        config, store, settings, budget, guard, account, lanes, tools, vault, updater, held, destinations, tags, access,
        offsite, quarantine,
    )  # fmt: skip


async def _session(config: Config, store: Store) -> StoreSession:
    session = await StoreSession.load(TelegramState(store))
    if config.session_string and session.auth_key is None:
        await session.import_string(config.session_string)
    return session
