"""Translates what Telethon raises into Medusa's own errors, once, at the edge."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from telethon import errors as rpc
from telethon.errors.rpcerrorlist import rpc_errors_dict

from medusa.errors import FOREVER, Broken, MedusaError, Scope, Transient, UserError, Wait
from medusa.words import span

BROKEN_CONNECTION = (ConnectionError, TimeoutError, OSError, EOFError, rpc.InvalidBufferError, rpc.SecurityError)
"""What Telethon raises when a connection breaks or makes no sense; asyncio's IncompleteReadError is an EOFError."""

_NAMES: dict[type, str] = {kind: name for name, kind in rpc_errors_dict.items()}

_LOG_IN = "Log in again with: python3 run.py login"
_UNKNOWN = "Telegram no longer knows this session."
_SESSION_LOST = {
    "AUTH_KEY_UNREGISTERED": (_UNKNOWN, _LOG_IN),
    "AUTH_KEY_PERM_EMPTY": (_UNKNOWN, _LOG_IN),
    "AUTH_KEY_INVALID": (_UNKNOWN, _LOG_IN),
    "SESSION_REVOKED": ("This session was ended from another device.", _LOG_IN),
    "SESSION_EXPIRED": ("This session has expired.", _LOG_IN),
    "AUTH_KEY_DUPLICATED": (
        "The same session was used from two places at once, so Telegram ended it.",
        f"Let Medusa run in one place only, and no longer with the same SESSION_STRING. {_LOG_IN}",
    ),
    "USER_DEACTIVATED": ("Telegram has deactivated this account.", _LOG_IN),
    "USER_DEACTIVATED_BAN": (
        "Telegram has banned this account.",
        "Telegram's own app lets you appeal; once the account is free, start Medusa again.",
    ),
}
_FROZEN = "FROZEN_"
_DEAD_KEYS = ("AUTH_KEY_DUPLICATED", "SESSION_REVOKED", "SESSION_EXPIRED")
"""What says that a key will never be good again. All else may pass: an appeal succeeds, a server finds its memory."""

_IN_WORDS = {
    "CHANNEL_INVALID": "That channel is unknown to this account.",
    "CHAT_ID_INVALID": "That chat is unknown to this account.",
    "PEER_ID_INVALID": "That chat is unknown to this account.",
    "MEDIA_CAPTION_TOO_LONG": "The caption is too long for Telegram.",
    "SLOWMODE_MULTI_MSGS_DISABLED": "That chat is in slow mode and takes no albums.",
    "TOPIC_DELETED": "That topic is gone.",
    "PIN_RESTRICTED": "Nothing can be pinned there.",
    "CHANNELS_TOO_MUCH": "This account is in too many channels.",
    "CHANNELS_ADMIN_PUBLIC_TOO_MUCH": "This account has too many channels.",
    "CHANNEL_FORUM_MISSING": "That chat is no forum.",
    "FILE_PARTS_INVALID": "The file is over Telegram's size limit.",
}

_NOT_IN_CHAT = {
    "CHAT_WRITE_FORBIDDEN": "This account may not write in that chat.",
    "CHAT_GUEST_SEND_FORBIDDEN": "Only members may write in that chat.",
    "CHAT_ADMIN_REQUIRED": "This account has no right to post in that chat.",
    "CHANNEL_PRIVATE": "That channel is private, gone, or has shut this account out.",
    "CHAT_FORBIDDEN": "That chat has shut this account out.",
    "CHAT_RESTRICTED": "Telegram has restricted that chat.",
    "USER_BANNED_IN_CHANNEL": "This account is banned from writing in such chats.",
    "TOPIC_CLOSED": "That topic is closed.",
    "PEER_FLOOD": "Telegram limits this account for now, and not in that chat only.",
}
"""What only somebody else can mend, whom it may take a while; the jobs of all other chats go on meanwhile."""
_SENDING_FORBIDDEN = re.compile("CHAT_SEND_[A-Z]+_FORBIDDEN")
_PLACE = re.compile("(?<=^FILE_REFERENCE)_[0-9]+_")
ASK_AGAIN = 3600.0
"""Seconds after which a chat that turned a post down is tried again."""


class SessionLost(UserError):
    """The account cannot be used any more; nothing works until the owner has done what ``advice`` says.

    ``dead`` says that the auth key will never be good again.
    """

    def __init__(self, why: str, advice: str = _LOG_IN, *, dead: bool = False) -> None:
        super().__init__(f"{why} All jobs stay as they are. {advice}")
        self.dead = dead

    @property
    def fatal(self) -> bool:
        return True


def frozen(until: str = "", appeal: str = "") -> SessionLost:
    """What to say of a frozen account: until when, and where to appeal, as far as Telegram says so.

    https://core.telegram.org/api/auth#frozen-accounts
    """
    where = f" or at {appeal}" if appeal else ""
    return SessionLost(
        f"Telegram has frozen this account{until}: it may read, but not write.",
        f"Appeal in Telegram's own app{where}; once the account is free, start Medusa again.",
    )


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


class NoPlace(UserError):
    """The message cannot become one with media."""


class NoPhoto(UserError):
    """Telegram does not take the file for an image."""


class EmptyMedia(StaleReference):
    """Telegram finds nothing in a document, or in the parts of one; only an upload from the beginning can help."""


def translate(error: Exception) -> Exception:
    """Medusa's error for what Telethon raised; anything unknown is returned as it is."""
    if isinstance(error, MedusaError):
        return error
    if isinstance(error, rpc.FilePartMissingError):
        return MissingPart(error.which)
    if isinstance(error, rpc.FilePart0MissingError):
        return MissingPart(0)
    if isinstance(error, rpc.AuthKeyNotFound):
        return SessionLost(_UNKNOWN)
    if isinstance(error, rpc.RPCError):
        return _translate_rpc(error)
    if isinstance(error, BROKEN_CONNECTION):
        return Transient("The connection to Telegram broke.", after=2, tries=FOREVER)
    return error


def _translate_rpc(error: rpc.RPCError) -> MedusaError:
    name = _name(error)
    return _passing(error) or _lost(name) or _refused(name) or Broken(f"Telegram refused: {name}.")


def _passing(error: rpc.RPCError) -> MedusaError | None:
    """What passes by itself, whatever was asked."""
    seconds = getattr(error, "seconds", None)
    if isinstance(error, rpc.SlowModeWaitError):
        words = f"That chat is in slow mode; its next post may go out in {span(error.seconds)}."
        return Wait(words, after=float(error.seconds), scope=Scope.CHAT)
    if seconds is not None:
        return flood_wait(int(seconds))
    if _name(error) == "RANDOM_ID_DUPLICATE":
        return StillPosting("Telegram is still busy with the same post.", after=3, tries=FOREVER)
    if isinstance(error, rpc.ServerError) or error.code in (500, 503, -503, -500):
        return Transient("Telegram has trouble of its own just now.", after=5, tries=20)
    return None


def flood_wait(seconds: int) -> Transient:
    """A wait that Telegram asks for (https://core.telegram.org/api/errors#420-flood)."""
    return Wait(f"Telegram asks to wait {span(seconds)}.", after=float(seconds))


def _lost(name: str) -> SessionLost | None:
    if name.startswith(_FROZEN):
        return frozen()
    if name not in _SESSION_LOST:
        return None
    return SessionLost(*_SESSION_LOST[name], dead=name in _DEAD_KEYS)


def _refused(name: str) -> MedusaError | None:
    """What Telegram refuses by name."""
    # In an album, the place of what it is about stands in the name.
    name = _PLACE.sub("_", name)
    if name in _OF_THEIR_OWN:
        kind, words = _OF_THEIR_OWN[name]
        return kind(words)
    if name in _NOT_IN_CHAT or _SENDING_FORBIDDEN.fullmatch(name):
        words = _NOT_IN_CHAT.get(name, "That chat does not allow such files.")
        words = f"{words} The file is kept; /retry N tries at once."
        return Wait(words, after=ASK_AGAIN, scope=Scope.CHAT)
    return UserError(_IN_WORDS[name]) if name in _IN_WORDS else None


def _name(error: rpc.RPCError) -> str:
    """Telegram's own name for the error, which Telethon keeps only as the class it maps the name to."""
    return _NAMES.get(type(error)) or str(error.message)


_OF_THEIR_OWN: dict[str, tuple[type[MedusaError], str]] = {
    "MESSAGE_ID_INVALID": (MessageGone, "That message is gone."),
    "MSG_ID_INVALID": (MessageGone, "That message is gone."),
    "MESSAGE_AUTHOR_REQUIRED": (MessageGone, "That message is not this account's."),
    "MESSAGE_NOT_MODIFIED": (Unchanged, "The message already reads like that."),
    "CHAT_NOT_MODIFIED": (Unchanged, "It is so already."),
    "FILE_ID_INVALID": (StaleReference, "Telegram does not know the file any more."),
    "DOCUMENT_INVALID": (StaleReference, "Telegram does not know the file any more."),
    "MEDIA_EMPTY": (EmptyMedia, "Telegram found nothing in the file."),
    "FILE_REFERENCE_EXPIRED": (StaleReference, "Telegram's reference to the file has expired."),
    "FILE_REFERENCE_EMPTY": (StaleReference, "Telegram's reference to the file has expired."),
    "FILE_REFERENCE_INVALID": (StaleReference, "Telegram's reference to the file has expired."),
    "MEDIA_PREV_INVALID": (NoPlace, "Telegram does not let that message become a file."),
    "IMAGE_PROCESS_FAILED": (NoPhoto, "Telegram does not take this image."),
    "PHOTO_INVALID": (NoPhoto, "Telegram does not take this image."),
    "PHOTO_EXT_INVALID": (NoPhoto, "Telegram does not take this image."),
    "PHOTO_INVALID_DIMENSIONS": (NoPhoto, "Telegram does not take an image of this shape."),
    "PHOTO_SAVE_FILE_INVALID": (NoPhoto, "Telegram does not take this image."),
}
"""Errors that callers tell apart."""


@contextmanager
def translated() -> Iterator[None]:
    """Within this block, what Telethon raises leaves as one of Medusa's errors."""
    try:
        yield
    except MedusaError:
        raise
    except struct.error as error:  # nobody but the owner names numbers of messages, topics and chats
        raise UserError("A number there is larger than any that Telegram gives.") from error
    except (rpc.RPCError, rpc.AuthKeyNotFound, *BROKEN_CONNECTION) as error:
        raise translate(error) from error
