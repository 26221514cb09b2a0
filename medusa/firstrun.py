"""Asks the owner for what a first run needs: the application's id and hash, and a login."""

import asyncio
import getpass
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from medusa.config import Config, load, save_credentials
from medusa.errors import UserError
from medusa.storage import open_store
from medusa.storage.keyring import add_recovery
from medusa.storage.telegram import TelegramState
from medusa.telegram.login import Dialogue, login
from medusa.telegram.session import StoreSession

_WHERE = (
    "Medusa needs an application id of your own. Get one in two minutes at https://my.telegram.org/apps "
    "(log in, “API development tools”, any title); then come back."
)


def credentials(config: Config, dotenv: Path) -> Config:
    """The configuration with API id and hash, asked for when they are missing and written to ``dotenv``.

    Raises UserError when nobody is there to be asked.
    """
    if config.api_id and config.api_hash:
        return config
    if not sys.stdin.isatty():
        raise UserError(
            f"API_ID and API_HASH are not set. {_WHERE}\nPut them into {dotenv} as API_ID=… and API_HASH=…, "
            "or start Medusa in a terminal, and it will ask. To look around without an account: python3 run.py demo"
        )
    print(_WHERE, file=sys.stderr)  # noqa: T201 (a dialogue in the terminal)
    while True:
        values = {"API_ID": _line("API id: "), "API_HASH": _line("API hash: ")}
        try:
            asked = load(values, Path("/nonexistent/.env"))
        except UserError as error:
            print(error.user_text, file=sys.stderr)  # noqa: T201
            continue
        save_credentials(dotenv, values)
        print(f"Kept in {dotenv}, which only you can read.", file=sys.stderr)  # noqa: T201
        return replace(config, api_id=asked.api_id, api_hash=asked.api_hash)


async def ensure_login(config: Config, *, check: bool = False) -> None:
    """See to it that the state holds a login: what is stored, SESSION_STRING, or a dialogue in the terminal.

    With ``check`` a stored login is held against Telegram, and one that has ended is replaced. Raises UserError when
    there is none and nobody is there to be asked.
    """
    async with open_store(config.data, key_file=config.key_file, passphrase=config.passphrase) as store:
        if store.created:
            _explain_key(config)
            if sys.stdin.isatty():
                await asyncio.to_thread(_give_words, config, store.place.data_key)
        session = await StoreSession.load(TelegramState(store))
        if session.auth_key is None and config.session_string:
            await session.import_string(config.session_string)
        if session.auth_key is not None and not check:
            return
        if session.auth_key is None and not sys.stdin.isatty():
            raise UserError(
                "Nobody is logged in yet. Run this once in a terminal: python3 run.py login\n"
                "Or put a Telethon session string into .env as SESSION_STRING=…"
            )
        await log_in(config, session)


async def log_in(config: Config, session: StoreSession) -> None:
    """Log in by a dialogue in the terminal."""
    name = await login(config, session, Dialogue(_say, _ask, _ask_secret))
    _say(f"Logged in as {name}.")


def _explain_key(config: Config) -> None:
    if config.passphrase:
        _say(f"Medusa's state is new: {config.data}, locked with your passphrase. Without it, the state can't be read.")
    else:
        key = config.key_file or config.data / "medusa.key"
        _say(f"Medusa's state is new: {config.data}. Its key is {key}: keep a copy elsewhere; without it, all is lost.")


def _give_words(config: Config, data_key: bytes) -> None:
    """Show recovery words once, where somebody sees them."""
    words = add_recovery(config.data, data_key)
    _say("Should key or passphrase be lost, these words open it. Write them on paper; they are shown once:")
    _say(f"\n    {words}\n")
    _say("As a QR code, or other ones: python3 run.py keys add recovery --qr")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


async def _ask(prompt: str) -> str:
    return await _typed(lambda: _line(prompt))


async def _ask_secret(prompt: str) -> str:
    return await _typed(lambda: getpass.getpass(prompt))


async def _typed(read: Callable[[], str]) -> str:
    """What the owner types, read in a daemon thread: one of asyncio's own would hold up Ctrl+C until Enter is hit."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def work() -> None:
        try:
            text = read()
        except UserError as error:
            loop.call_soon_threadsafe(typed.set_exception, error)
        else:
            loop.call_soon_threadsafe(typed.set_result, text)

    threading.Thread(target=work, daemon=True).start()
    return await typed


def _line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        raise UserError("Nothing was typed; nothing was changed.") from None
