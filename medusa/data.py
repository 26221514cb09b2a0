"""The command line for what is done with the data while Medusa does not run: export, import, erase, keys."""

import argparse
import asyncio
import getpass
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

from medusa import settings
from medusa.care import house, wipe
from medusa.care.ids import found, person_id
from medusa.config import Config
from medusa.errors import MedusaError, UserError
from medusa.model import Person, Role
from medusa.storage import Store, keyring, open_store
from medusa.storage.channels import Channel, ChannelTable
from medusa.storage.exporting import export
from medusa.storage.importing import take
from medusa.storage.keyring import NAMES, Secrets
from medusa.storage.lock import holder
from medusa.storage.people import PeopleTable, put
from medusa.storage.recovery import key_of

Command = Callable[[argparse.Namespace, Config], int]
Add = Callable[[str, Command, str], argparse.ArgumentParser]


def add_commands(add: Add) -> None:
    """Give the command line its commands for data."""
    out = add("export", _export, "write all that is stored, secrets excepted, as JSON lines")
    out.add_argument("--person", metavar="ID", help="only what belongs to this person")
    out.add_argument("file", type=Path)
    into = add("import", _import, "take in an export, or a list of ids that another bot has kept")
    into.add_argument("--as", dest="kind", choices=("users", "channels"), help="what the ids of a plain list are")
    into.add_argument("file", type=Path)
    erase = add("erase", _erase, "erase a person's data, or everything and the login with it; asks twice")
    erase.add_argument("whom", help="a Telegram id, or all")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    rotate = add("rotate-key", _rotate, "encrypt the state anew, or with --passphrase change the passphrase")
    rotate.add_argument("--passphrase", action="store_true", help="only put another passphrase in place of the old one")
    keys = add("keys", _keys, "what opens the state: list it, add to it, remove from it, or recover")
    keys.add_argument("act", nargs="?", default="list", choices=("list", "add", "remove", "recover"))
    keys.add_argument("what", nargs="?", help="passphrase, recovery, or the path of a key file; for remove, a number")
    keys.add_argument("--qr", action="store_true", help="show recovery words as a QR code, too")


def _opened(config: Config) -> AbstractAsyncContextManager[Store]:
    return open_store(config.data, key_file=config.key_file, passphrase=config.passphrase)


def _go(work: Coroutine[Any, Any, None]) -> int:
    asyncio.run(work)
    return 0


def _export(options: argparse.Namespace, config: Config) -> int:
    path, person = options.file, None if options.person is None else _person(options.person)

    def write(connection: Any) -> dict[str, int]:
        try:
            return export(connection, path, time.time(), person)
        except FileExistsError as error:
            raise UserError(f"{path} is there already; name another file.") from error
        except OSError as error:
            raise UserError(f"{path} can't be written: {error.strerror}.") from error

    async def run() -> None:
        async with _opened(config) as store:
            print(f"Exported to {path}: {_rows(await store.aside(write))}. Secrets are not in it.")

    return _go(run())


def _import(options: argparse.Namespace, config: Config) -> int:
    with _reading(options.file):
        if not options.file.is_file():
            raise UserError(f"There is no file {options.file}.")
        if options.kind or not _is_export(options.file):
            return _import_ids(options, config)

    async def run() -> None:
        async with _opened(config) as store:
            with _reading(options.file):
                taken = await take(store, options.file, settings.check)
        print(f"New: {_rows(taken.new)}. {taken.known} were there already, {taken.passed} are only for reading.")
        if "jobs" in taken.new:
            print("Imported jobs that had not ended are paused.")

    return _go(run())


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}. Nothing was changed.") from error


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(9) == b'{"medusa"'


def _import_ids(options: argparse.Namespace, config: Config) -> int:
    users, channels = found(options.file)
    for name, ids in (("users", users), ("channels", channels)):
        print(f"{len(ids)} {name}: {' '.join(map(str, ids[:20]))}{' …' if len(ids) > 20 else ''}")
    if options.kind is None:
        raise UserError("Nothing was changed. Say what they are: --as users, or --as channels.")

    async def let_in() -> None:
        async with _opened(config) as store:
            known = {one.id for one in await PeopleTable(store).all()}
            new = [number for number in users if number not in known]
            async with store.write() as db:
                for number in new:
                    await put(db, Person(number, str(number), Role.USER), time.time())
        print(f"{len(new)} people are new, with the role user; /users lists them, /deny takes it back.")

    if options.kind == "users":
        return _go(let_in())

    async def run() -> None:
        async with _opened(config) as store:
            table = ChannelTable(store)
            known = {one.chat_id for one in await table.all()}
            for number in channels:
                if number not in known:
                    await table.put(Channel(number, str(number), "channel"))
            print(f"{len(set(channels) - known)} channels are new. Commands are obeyed there from the next start on.")

    return _go(run())


def _erase(options: argparse.Namespace, config: Config) -> int:
    everything = options.whom == "all"
    person = 0 if everything else _person(options.whom)
    what = (
        "everything: state, keys, logs, work files, and the login"
        if everything
        else f"all that is kept of {options.whom}"
    )
    if not options.yes:
        for question in (f"Erase {what}? Type yes: ", "It cannot be taken back. Type yes again: "):
            if _typed(question) != "yes":
                raise UserError("Nothing was changed.")
    return _go(_wiped(config) if everything else _erased(config, person))


def _person(text: str) -> int:
    number = person_id(text)
    if number is None:
        raise UserError(f"{text} is nobody's Telegram id; nothing was changed.")
    return number


async def _wiped(config: Config) -> None:
    if holder(config.data) is not None:
        raise UserError("Medusa is running. Stop it first, or write /erase all to it; nothing was changed.")
    wipe.intend(config.data)
    try:
        await _logged_out(config)
    except MedusaError as error:
        print(wipe.STILL_IN.format(error.user_text))
    await asyncio.to_thread(wipe.finish, config.data, config.work)
    print(wipe.DONE)


async def _logged_out(config: Config) -> None:
    from medusa.storage.telegram import TelegramState
    from medusa.telegram.client import open_account
    from medusa.telegram.leaving import log_out
    from medusa.telegram.session import StoreSession

    async with _opened(config) as store:
        session = await StoreSession.load(TelegramState(store))
        if session.auth_key is None:
            return
        try:
            async with asyncio.timeout(60), open_account(config, session) as account:
                await log_out(account)
        except TimeoutError:
            raise UserError("Telegram can't be reached.") from None


async def _erased(config: Config, person: int) -> None:
    async with _opened(config) as store:
        report = await house.erase(store, config.data, config.work, person)
    print(f"Erased: {_rows(report.rows)}, {report.folders} work folders, the log. The state was written anew.")


def _rotate(options: argparse.Namespace, config: Config) -> int:
    async def run() -> None:
        async with _opened(config) as store:
            if options.passphrase:
                old, new = _secret("Old passphrase: "), _new_passphrase()
                await asyncio.to_thread(keyring.rewrap, config.data, store.place.data_key, old, new)
                print("The passphrase is another one. Put it in the place of MEDUSA_PASSPHRASE before the next start.")
                return
            change = keyring.rotation(config.data, Secrets(config.key_file, config.passphrase))
            await store.rewrite(change)
        print("The state is under a new data key. Key file and passphrase stay as they are.")
        for kind in change.dropped:
            print(f"It is no longer opened by the {NAMES[kind]} that you have not given; add it again: run.py keys add")
        if change.words:
            _show_words(change.words, qr=False)

    return _go(run())


def _keys(options: argparse.Namespace, config: Config) -> int:
    if options.act == "list":
        for number, kind in enumerate(keyring.kinds(config.data), 1):
            print(f"{number}  {NAMES[kind]}")
        return 0
    if options.act == "recover":
        kind = keyring.recover(config.data, key_of(_secret("Recovery words: ")), config.key_file, config.passphrase)
        print(f"The state is opened by the {NAMES[kind]} again.")
        return 0
    if not options.what:
        raise UserError("Add what? passphrase, recovery, or the path of a key file. Remove which? Its number.")
    return _go(_changed(options, config))


async def _changed(options: argparse.Namespace, config: Config) -> None:
    async with _opened(config) as store:
        key, what = store.place.data_key, options.what
        if options.act == "remove":
            if not what.isdecimal():
                raise UserError("Remove which slot? Give its number: python3 run.py keys")
            print(f"The {NAMES[keyring.remove(config.data, int(what))]} opens the state no more.")
        elif what == "recovery":
            _show_words(keyring.add_recovery(config.data, key), qr=options.qr)
        elif what == "passphrase":
            await asyncio.to_thread(keyring.add_passphrase, config.data, key, _new_passphrase())
            print("The passphrase opens the state, too.")
        else:
            await asyncio.to_thread(keyring.add_file, config.data, key, Path(what))
            print(f"{what} opens the state, too: start with MEDUSA_KEY_FILE={what}")


def _show_words(words: str, *, qr: bool) -> None:
    print("These words open the state when its key is lost. Write them on paper; they are shown this once:\n")
    print(f"    {words}\n")
    if qr:
        import segno

        segno.make(words, error="l").terminal(compact=True)


def _new_passphrase() -> str:
    new = _secret("New passphrase: ")
    if not 8 <= len(new) <= 1024:
        raise UserError("A passphrase has 8 to 1024 characters. Nothing was changed.")
    if sys.stdin.isatty() and _secret("The same again: ") != new:
        raise UserError("These were two passphrases. Nothing was changed.")
    return new


def _secret(prompt: str) -> str:
    """A secret as it is typed unseen, or a line of the standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return _typed("")


def _typed(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        raise UserError("Nothing was typed; nothing was changed.") from None


def _rows(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing"
