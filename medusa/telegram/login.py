"""Logs in: by QR code or by phone, code and two-step password."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from telethon import errors as rpc

from medusa.config import Config
from medusa.errors import UserError
from medusa.telegram.client import disconnect, make_client
from medusa.telegram.errors import SessionLost, translated
from medusa.telegram.session import StoreSession

CONNECT_TRIES = 3
TRIES = 3
"""How often a code or a password may be mistyped."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How the owner is spoken to: by showing a text, and by asking for a line, which for a secret is not shown."""

    say: Callable[[str], None]
    ask: Callable[[str], Awaitable[str]]
    ask_secret: Callable[[str], Awaitable[str]]


async def login(config: Config, session: StoreSession, dialogue: Dialogue) -> str:
    """Log in and store the session; returns the account's name. Already logged in, it only says so.

    Raises UserError when the owner gives up, mistypes too often, or Telegram refuses.
    """
    if session.auth_key is not None and (name := await _known_as(config, session)):
        return name
    await session.forget()
    client = make_client(config, session, tries=CONNECT_TRIES)
    with translated():
        await client.connect()
    try:
        with translated():
            await _log_in(client, dialogue)
            me = await client.get_me()
        await session.save()
        return _name(me)
    finally:
        await disconnect(client)


async def _known_as(config: Config, session: StoreSession) -> str | None:
    """The name of the account that the session is logged in to, or None.

    A passing session asks, so that the place in the stream of updates, and with it what was missed, stays as it is.
    """
    passing = session.clone()
    passing.set_dc(session.dc_id, session.server_address, session.port)
    passing.auth_key = session.auth_key
    client = make_client(config, passing, tries=CONNECT_TRIES, receive_updates=False)
    try:
        with translated():
            await client.connect()
            me = await client.get_me()
    except SessionLost:
        return None
    finally:
        await disconnect(client)
    return None if me is None else _name(me)


def _name(me: Any) -> str:
    return " ".join(part for part in (me.first_name, me.last_name) if part)


async def _log_in(client: Any, dialogue: Dialogue) -> None:
    phone = await dialogue.ask("Phone number with country code, or just Enter for a QR code: ")
    try:
        if phone.strip():
            await _by_phone(client, phone.strip(), dialogue)
        else:
            await _by_qr(client, dialogue)
    except rpc.SessionPasswordNeededError:
        await _password(client, dialogue)


async def _by_phone(client: Any, phone: str, dialogue: Dialogue) -> None:
    try:
        await client.send_code_request(phone)
    except rpc.PhoneNumberInvalidError:
        raise UserError(f"Telegram does not know the number {phone}. It starts with + and the country code.") from None
    for _ in range(TRIES):
        code = await dialogue.ask("Code that Telegram has sent you: ")
        try:
            await client.sign_in(phone, code.strip())
        except (rpc.PhoneCodeInvalidError, rpc.PhoneCodeEmptyError):
            dialogue.say("That code is wrong.")
        except rpc.PhoneCodeExpiredError:
            raise UserError("That code has expired. Start again: python3 run.py login") from None
        else:
            return
    raise UserError("The code was wrong three times. Start again: python3 run.py login")


async def _by_qr(client: Any, dialogue: Dialogue) -> None:
    """Show codes until one is scanned; each is good for about half a minute (https://core.telegram.org/api/qr-login)."""
    code = await client.qr_login()
    while True:
        dialogue.say("Scan this in Telegram: Settings → Devices → Link desktop device")
        dialogue.say(_drawn(code.url))
        try:
            await code.wait()
        except TimeoutError:
            await code.recreate()
        else:
            return


def _drawn(url: str) -> str:
    """The QR code of ``url`` in half blocks, two rows of modules to a line of text, light on dark and framed."""
    import segno

    rows = [list(row) for row in segno.make(url, error="l").matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return "\n".join(
        "".join(blocks[bool(upper), bool(lower)] for upper, lower in zip(rows[at], rows[at + 1], strict=True))
        for at in range(0, len(rows), 2)
    )


async def _password(client: Any, dialogue: Dialogue) -> None:
    for _ in range(TRIES):
        password = await dialogue.ask_secret("Two-step verification password: ")
        try:
            await client.sign_in(password=password)
        except rpc.PasswordHashInvalidError:
            dialogue.say("That password is wrong.")
        else:
            return
    raise UserError("The password was wrong three times. Start again: python3 run.py login")
