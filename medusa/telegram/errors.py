"""Translates what Telethon raises into Medusa's own errors, once, at the edge."""

from collections.abc import Iterator
from contextlib import contextmanager

from telethon import errors as rpc
from telethon.errors.rpcerrorlist import rpc_errors_dict

from medusa.errors import FOREVER, Broken, MedusaError, Transient, UserError

BROKEN_CONNECTION = (ConnectionError, TimeoutError, OSError, EOFError, rpc.InvalidBufferError, rpc.SecurityError)
"""What Telethon raises when a connection breaks or makes no sense; asyncio's IncompleteReadError is an EOFError."""

_NAMES: dict[type, str] = {kind: name for name, kind in rpc_errors_dict.items()}

_SESSION_LOST = {
    "AUTH_KEY_UNREGISTERED": "Telegram no longer knows this session.",
    "AUTH_KEY_INVALID": "Telegram no longer knows this session.",
    "SESSION_REVOKED": "This session was ended from another device.",
    "SESSION_EXPIRED": "This session has expired.",
    "AUTH_KEY_DUPLICATED": "The same session was used from two places at once, so Telegram ended it.",
    "USER_DEACTIVATED": "Telegram has deactivated this account.",
    "USER_DEACTIVATED_BAN": "Telegram has banned this account.",
    "FROZEN_METHOD_INVALID": "Telegram has frozen this account; its app says why.",
}

_IN_WORDS = {
    "CHAT_WRITE_FORBIDDEN": "This account may not write in that chat.",
    "CHAT_ADMIN_REQUIRED": "This account has no right to post in that chat.",
    "CHANNEL_PRIVATE": "That channel is private or gone.",
    "CHANNEL_INVALID": "That channel is unknown to this account.",
    "PEER_ID_INVALID": "That chat is unknown to this account.",
    "CHAT_SEND_MEDIA_FORBIDDEN": "That chat does not allow files.",
    "MEDIA_CAPTION_TOO_LONG": "The caption is too long for Telegram.",
    "FILE_PARTS_INVALID": "The file is over Telegram's size limit.",
}


class SessionLost(UserError):
    """The account's session has ended; nothing works until the owner logs in again."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Log in again with: python3 run.py login")

    @property
    def fatal(self) -> bool:
        return True


class MessageGone(UserError):
    """The message that was to be edited is no longer there."""


class Unchanged(UserError):
    """The message already reads like that."""


class StillPosting(Transient):
    """Telegram is still busy with an earlier call that bore the same random id."""


class MissingPart(Transient):
    """Telegram has forgotten part ``part`` of an upload (https://core.telegram.org/api/files#uploading-files)."""

    def __init__(self, part: int) -> None:
        super().__init__(f"Telegram has lost part {part} of the upload.")
        self.part = part


class StaleReference(Transient):
    """The reference to a stored document has expired; its message or an upload gives a new one."""


def translate(error: Exception) -> Exception:
    """Medusa's error for what Telethon raised; anything unknown is returned as it is."""
    if isinstance(error, MedusaError):
        return error
    if isinstance(error, rpc.FilePartMissingError):
        return MissingPart(error.which)
    if isinstance(error, rpc.FilePart0MissingError):
        return MissingPart(0)
    if isinstance(error, rpc.AuthKeyNotFound):
        return SessionLost(_SESSION_LOST["AUTH_KEY_UNREGISTERED"])
    if isinstance(error, rpc.RPCError):
        return _translate_rpc(error)
    if isinstance(error, BROKEN_CONNECTION):
        return Transient("The connection to Telegram broke.", after=2, tries=FOREVER)
    return error


def _translate_rpc(error: rpc.RPCError) -> MedusaError:
    name = _name(error)
    seconds = getattr(error, "seconds", None)
    if seconds is not None:
        return Transient(f"Telegram asks to wait {seconds} s.", after=float(seconds), tries=FOREVER)
    if name in _SESSION_LOST:
        return SessionLost(_SESSION_LOST[name])
    if name in _OF_THEIR_OWN:
        kind, words = _OF_THEIR_OWN[name]
        return kind(words)
    if name == "RANDOM_ID_DUPLICATE":
        return StillPosting("Telegram is still busy with the same post.", after=3, tries=FOREVER)
    if name in _IN_WORDS:
        return UserError(_IN_WORDS[name])
    if isinstance(error, rpc.ServerError) or error.code in (500, 503, -503, -500):
        return Transient("Telegram has trouble of its own just now.", after=5, tries=20)
    return Broken(f"Telegram refused: {name}.")


def _name(error: rpc.RPCError) -> str:
    """Telegram's own name for the error, which Telethon keeps only as the class it maps the name to."""
    return _NAMES.get(type(error)) or str(error.message)


_OF_THEIR_OWN: dict[str, tuple[type[MedusaError], str]] = {
    "MESSAGE_ID_INVALID": (MessageGone, "That message is gone."),
    "MSG_ID_INVALID": (MessageGone, "That message is gone."),
    "MESSAGE_AUTHOR_REQUIRED": (MessageGone, "That message is not this account's."),
    "MESSAGE_NOT_MODIFIED": (Unchanged, "The message already reads like that."),
    "FILE_ID_INVALID": (StaleReference, "Telegram does not know the file any more."),
    "DOCUMENT_INVALID": (StaleReference, "Telegram does not know the file any more."),
    "MEDIA_EMPTY": (StaleReference, "Telegram does not know the file any more."),
    "FILE_REFERENCE_EXPIRED": (StaleReference, "Telegram's reference to the file has expired."),
    "FILE_REFERENCE_EMPTY": (StaleReference, "Telegram's reference to the file has expired."),
    "FILE_REFERENCE_INVALID": (StaleReference, "Telegram's reference to the file has expired."),
}
"""Errors that callers tell apart."""


@contextmanager
def translated() -> Iterator[None]:
    """Within this block, what Telethon raises leaves as one of Medusa's errors."""
    try:
        yield
    except MedusaError:
        raise
    except (rpc.RPCError, rpc.AuthKeyNotFound, *BROKEN_CONNECTION) as error:
        raise translate(error) from error
