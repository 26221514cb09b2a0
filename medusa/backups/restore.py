"""Makes a state of a backup, in the place of what there is, as another instance that does nothing by itself yet."""

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from medusa.backups.copies import Manifest, make_empty, read_copy, read_manifest
from medusa.backups.naming import PART, TAG, read_part
from medusa.backups.sealed import NO_BACKUP
from medusa.errors import DiskFull, MedusaError, UserError
from medusa.patience import to_the_end
from medusa.storage import open_store
from medusa.storage.backups import BackupTable, Stilled
from medusa.storage.connecting import connector
from medusa.storage.errors import translated, translated_files
from medusa.storage.folder import DATABASE, KEY_FILE, has_database, make_private
from medusa.storage.keyring import Secrets
from medusa.storage.keys import unlock
from medusa.storage.lock import locked
from medusa.storage.replacing import ASIDE, commit, complete, stage
from medusa.storage.store import look
from medusa.storage.telegram import Login, TelegramState
from medusa.telegram.offsite import Deposit, Offsite

PAUSED = "paused, since this state was restored from a backup"
THERE_IS_ONE = (
    "There is a state in {} already, with jobs or posts. Add --replace to restore all the same: it is moved aside, "
    "not lost."
)
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was restored, what of it stands still, whether it has a login, and where the old state is."""

    manifest: Manifest
    stilled: Stilled
    login: bool
    aside: Path | None


class _Joined:
    """The parts of a backup, read as one file."""

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        self._files = list(files)

    def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        found = b""
        while self._files and len(found) < size:
            more = self._files[0].read(size - len(found))
            found += more
            if not more:
                del self._files[0]
        return found


@contextmanager
def joined(paths: Sequence[Path]) -> Iterator[Any]:
    """The parts of a backup, in whatever order they are named, as one file. Raises UserError."""
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(path.open("rb")) for path in in_order(paths)]
        except OSError as error:
            raise UserError(f"{error.filename} can't be read: {error.strerror}.") from error
        yield _Joined(files)


def in_order(paths: Sequence[Path]) -> list[Path]:
    """Parts by their number. Raises UserError when they are not all the parts of one backup."""
    if len(paths) == 1 and read_part(paths[0].name) is None:
        return list(paths)  # somebody has given it another name
    return [path for _, path in sorted(whole({path.name: path for path in paths}).items())]


def whole(parts: Mapping[str, Found]) -> dict[int, Found]:
    """What belongs to the parts of one backup, by number. Raises UserError when they are not all, or of several."""
    named = {name: read_part(name) for name in parts}
    numbered = {part.number: parts[name] for name, part in named.items() if part is not None}
    backups = {(part.backup, part.of) for part in named.values() if part is not None}
    if not numbered or None in named.values():
        raise UserError(NO_BACKUP)
    if len(backups) > 1:
        raise UserError("These files are of several backups. Name one backup, or all the parts of one.")
    [(name, count)] = backups
    if missing := sorted(set(range(1, count + 1)) - numbered.keys()):
        raise UserError(f"Part {missing[0]} of {count} of {name} is missing. Name all of its parts.")
    return numbered


def newest(names: Iterable[str]) -> list[str]:
    """The parts of the newest backup of which all are there; none when there is no whole one."""
    backups: dict[str, list[str]] = {}
    for name in names:
        if part := read_part(name):
            backups.setdefault(part.backup, []).append(name)
    for _, parts in sorted(backups.items(), reverse=True):
        try:
            whole(dict.fromkeys(parts))
        except UserError:
            continue  # it was broken off, or some of it was deleted
        return parts
    return []


async def fetch_latest(offsite: Offsite, chat_id: int, folder: Path) -> list[Path]:
    """Download the newest whole backup of a chat into a folder. Raises UserError when there is none."""
    found = await offsite.found(chat_id, TAG, PART)
    by_name: dict[str, Deposit] = {one.name: one for one in reversed(found)}
    parts = newest(by_name)
    if not parts:
        raise UserError("There is no whole backup in that chat. Name the files of one: python3 run.py restore FILE…")
    try:
        for name in parts:
            await offsite.fetch([by_name[name]], folder / name)
    except OSError as error:
        raise UserError(f"The backup can't be fetched into {folder}: {error.strerror}. Nothing was changed.") from error
    return [folder / name for name in parts]


def inspect(paths: Sequence[Path], key: bytes) -> Manifest:
    """What a backup says of itself. Raises UserError."""
    with joined(paths) as source:
        return read_manifest(source, key)


async def restore(
    paths: Sequence[Path],
    key: bytes,
    folder: Path,
    opened_by: Secrets,
    *,
    replace: bool = False,
    now: Callable[[], float] = time.time,
) -> Outcome:
    """Restore a backup into a state folder. Raises UserError, and then nothing there has changed.

    A state that is more than a login has to be moved aside, which ``replace`` allows. Its login is taken over. Killed
    at whatever moment, either nothing has changed, or the next start brings it to its end.
    """
    with translated_files(folder):
        make_private(folder)
        opened_by = _without_own(opened_by, folder)
    with locked(folder):
        complete(folder)
        old = await asyncio.to_thread(_standing, folder, opened_by, replace=replace)
        with _staged(folder) as staging:
            manifest = await to_the_end(asyncio.to_thread(_built, paths, key, staging, opened_by))
            stilled, login = await _renewed(staging, opened_by, manifest, old.login, now())
        aside = f"{ASIDE}{datetime.fromtimestamp(now()):%Y%m%d-%H%M%S}"  # noqa: DTZ006 (the owner's clock)
        await to_the_end(asyncio.to_thread(commit, folder, aside, keep=old.kept))
    return Outcome(manifest, stilled, login, folder / aside if old.kept else None)


def _without_own(given: Secrets, folder: Path) -> Secrets:
    """What is given, but for the key file that belongs to the state which goes: the new one gets its own there."""
    path, own = given.key_file, folder.resolve() / KEY_FILE
    is_own = path is not None and own in (path.resolve(), path.parent.resolve() / path.name)
    return dataclasses.replace(given, key_file=None) if is_own else given


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder in which to make a state, which goes when that fails."""
    with translated_files(folder):
        staging = stage(folder)
    try:
        with translated_files(folder):
            yield staging
    except BaseException as error:
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, DiskFull):
            raise UserError(
                f"The disk of {folder} is full. Make some room and restore again; nothing changed."
            ) from error
        raise


@dataclass(frozen=True, slots=True)
class _Standing:
    """What there is before: whether it has to be kept, and the login that the restored state takes over."""

    kept: bool
    login: Login | None


def _standing(folder: Path, opened_by: Secrets, *, replace: bool) -> _Standing:
    if not has_database(folder):
        return _Standing(kept=False, login=None)
    try:
        data_key = unlock(folder, key_file=opened_by.key_file, passphrase=opened_by.passphrase).data_key
        with translated():
            page, _ = look(folder / DATABASE, data_key)
            connection = connector(folder / DATABASE, data_key, page, mode="ro")()
            try:
                [(used,)] = connection.execute(
                    "SELECT EXISTS (SELECT 1 FROM jobs) OR EXISTS (SELECT 1 FROM library)"
                ).fetchall()
                rows = connection.execute("SELECT dc_id, address, port, auth_key, takeout_id FROM telegram_login")
                login = next((Login(*row) for row in rows.fetchall()), None)
            finally:
                connection.close()
    except MedusaError:
        used, login = True, None  # whatever it is that can't be opened, or is too old to have these tables
    if used and not replace:
        raise UserError(THERE_IS_ONE.format(folder))
    return _Standing(kept=bool(used), login=login)


def _built(paths: Sequence[Path], key: bytes, staging: Path, opened_by: Secrets) -> Manifest:
    """Make the database of a backup, under a data key of its own."""
    unlocked = unlock(staging, key_file=opened_by.key_file, passphrase=opened_by.passphrase)
    make_empty(staging / DATABASE)
    with joined(paths) as source:
        return read_copy(source, key, staging / DATABASE, unlocked.data_key)


async def _renewed(
    staging: Path, opened_by: Secrets, manifest: Manifest, login: Login | None, now: float
) -> tuple[Stilled, bool]:
    """Migrate what was built, make another instance of it, and have it stand still."""
    async with open_store(staging, key_file=opened_by.key_file, passphrase=opened_by.passphrase) as store:
        stilled = await BackupTable(store).renew(manifest.created, now, paused=PAUSED)
        state = TelegramState(store)
        if login is not None:
            await state.save(login)
        return stilled, await state.login() is not None
