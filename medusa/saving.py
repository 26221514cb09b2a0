"""Backs up and restores from the shell, while no Medusa runs on the state."""

import argparse
import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from medusa import firstrun
from medusa.backups.copies import Manifest
from medusa.backups.restore import Outcome, fetch_latest, inspect
from medusa.backups.restore import restore as restored
from medusa.backups.service import Backups
from medusa.backups.spelling import read_key, spelt
from medusa.config import Config
from medusa.errors import UserError
from medusa.model import Notice
from medusa.settings import Settings
from medusa.storage import open_store
from medusa.storage.folder import has_database
from medusa.storage.keyring import Secrets
from medusa.storage.lock import holder
from medusa.storage.settings import StoredSettings
from medusa.storage.telegram import TelegramState
from medusa.telegram.client import open_account
from medusa.telegram.download import Downloader
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import Messenger
from medusa.telegram.offsite import Offsite
from medusa.telegram.session import StoreSession
from medusa.telegram.transfer import Uploader
from medusa.words import moment, size

LATEST = "latest"
"""What may stand in the place of files: fetch the newest backup from Telegram."""


async def backup(options: argparse.Namespace, config: Config) -> int:
    """Make one backup into a folder, and prove it. Raises MedusaError."""
    if pid := holder(config.data):
        raise UserError(f"Medusa is running (process {pid}): write /backup now, or /backup to FOLDER, to it.")
    if not has_database(config.data):
        raise UserError(f"There is no state in {config.data} yet, so there is nothing to back up.")
    async with open_store(config.data, key_file=config.key_file, passphrase=config.passphrase) as store:
        settings = Settings(StoredSettings(store))
        await settings.load()
        backups = Backups(store, settings, _tell, config.data)
        place = str(options.to.resolve()) if options.to else "folder"
        made = await backups.make([place], login=options.with_session)
        [record] = made.records
        _say(f"{record.place}/{record.name}: {size(record.size)}, {sum(made.manifest.counts.values())} rows, proved.")
        if options.with_session:
            _say("The login is in it: guard it like the account itself.")
        key = await backups.table.key()
        if not key.shown:
            _say(f"Your backup key, without which it can't be opened; write it down:\n{spelt(key.key)}")
            await backups.table.shown()
    return 0


async def restore(options: argparse.Namespace, config: Config) -> int:
    """Restore a backup in the place of the state. Raises MedusaError, and changes nothing then."""
    if pid := holder(config.data):
        raise UserError(f"Medusa is running (process {pid}). Stop it, then restore; nothing was changed.")
    with TemporaryDirectory(prefix="medusa-restore-") as scratch:
        paths = options.files
        if paths == [LATEST]:
            await firstrun.ensure_login(config)
            async with _telegram(config) as offsite:
                chat = options.chat or offsite.account.user_id
                paths = await fetch_latest(offsite, chat, Path(scratch))
        paths = [Path(path) for path in paths]
        key = _key(options, config)
        _show(inspect(paths, key))
        outcome = await restored(
            paths, key, config.data, Secrets(config.key_file, config.passphrase), replace=options.replace
        )
    _tell_outcome(outcome, config)
    return 0


@asynccontextmanager
async def _telegram(config: Config) -> AsyncIterator[Offsite]:
    """The account, for as long as a backup is fetched."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(config.data, key_file=config.key_file, passphrase=config.passphrase)
        )
        session = await StoreSession.load(TelegramState(store))
        account = await stack.enter_async_context(open_account(config, session))
        lanes = await stack.enter_async_context(Lanes(account))
        downloader = await stack.enter_async_context(Downloader(account))
        yield Offsite(account, Messenger(account), Uploader(lanes), downloader)


def _key(options: argparse.Namespace, config: Config) -> bytes:
    if options.key_file:
        try:
            return read_key(options.key_file.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{options.key_file} can't be read as a backup key.") from error
    if config.backup_key:
        return read_key(config.backup_key)
    if not sys.stdin.isatty():
        raise UserError("Which backup key? Give it as MEDUSA_BACKUP_KEY, or in a file that --key-file names.")
    return read_key(getpass.getpass("Backup key: "))


def _show(manifest: Manifest) -> None:
    counts = manifest.counts
    _say(
        f"Backup of {moment(manifest.created)}, made by Medusa {manifest.medusa} (schema {manifest.schema}), instance "
        f"{manifest.instance}: {counts['jobs']} jobs, {counts['library']} posts, {counts['settings']} settings, "
        f"{sum(counts.values())} rows in all."
    )


def _tell_outcome(outcome: Outcome, config: Config) -> None:
    stilled = outcome.stilled
    _say(
        f"Restored into {config.data}. Paused are {stilled.jobs} jobs, {stilled.batches} batches and {stilled.watches} "
        "watches: nothing goes on by itself. Start Medusa and look at /queue; /resume all has the jobs go on."
    )
    if stilled.commands:
        _say(f"{stilled.commands} commands were under way and are forgotten: write them again if need be.")
    if outcome.aside is not None:
        _say(f"What was there before is in {outcome.aside}.")
    if not outcome.login:
        _say("No login is in it: python3 run.py login")
    _say("If another Medusa runs on this account, stop it first. Keep a copy of the new key of the state.")
    _say("Recovery words from before do not open it. It gets new ones by: python3 run.py keys add recovery")


def _tell(_kind: Notice, text: str) -> None:
    _say(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 (the answer in the terminal)
