"""Unlocks the data key: 32 random bytes that encrypt the state, wrapped once by each key slot."""

import hashlib
import json
import secrets
import unicodedata
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from medusa.errors import UserError
from medusa.storage.errors import translated_files
from medusa.storage.folder import KEY_FILE, SLOTS, has_database, write_private

KEY_BYTES = 32
SHORTEST_SECRET = 32
"""Bytes that a key file must have at least: it is taken as random, and not stretched like a passphrase."""
LONGEST_SECRET = 65536
SCRYPT = {"n": 2**15, "r": 8, "p": 1}
"""32 MiB and some 0.1 s for each guess; https://www.rfc-editor.org/rfc/rfc7914#section-2 explains the numbers."""
_TAG_BYTES = 16
_CONTEXTS = {"keyfile": b"medusa key file", "recovery": b"medusa recovery key"}
"""The kinds whose secrets are random, and need no stretching."""
RECOVERABLE = "If you have the recovery words, they open it: python3 run.py keys recover"

Kind = Literal["keyfile", "passphrase", "recovery"]


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The data key, whether it was made just now, and the kind of slot that opened it.

    ``next_key`` is the data key that a rotation was about to put in its place when it was cut short.
    """

    data_key: bytes = field(repr=False)
    created: bool
    slot: Kind
    next_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """The data key wrapped with AES-256-GCM; byte strings as hex, ``wrapped`` ends in the tag, ``cost`` is scrypt's."""

    kind: Kind
    salt: str
    nonce: str
    wrapped: str
    cost: dict[str, int]


@dataclass(frozen=True, slots=True)
class Slots:
    """All key slots, and those for the data key of a rotation that has not ended."""

    now: tuple[Slot, ...]
    next: tuple[Slot, ...] = ()


def unlock(folder: Path, *, key_file: Path | None, passphrase: str | None) -> Unlocked:
    """Open the data key with whichever secret fits a slot, or make key and slots when there is no state yet.

    ``key_file`` None means ``medusa.key`` in ``folder``, which the first start makes, unless a passphrase is given.
    A first start with a key file and a passphrase makes a slot for each. Later, a secret that has no slot is not used.
    Takes about 0.1 s of computing for a passphrase. Raises UserError when no slot opens, and then changes nothing.
    """
    with translated_files(folder):
        if (folder / SLOTS).exists():
            return _open(folder, key_file or folder / KEY_FILE, passphrase)
        if has_database(folder):
            raise UserError(
                f"{folder / SLOTS} is missing; without it the state can't be read. "
                f"Put it back, or move {folder} away to start afresh."
            )
        return _create(folder, key_file, passphrase)


def _create(folder: Path, key_file: Path | None, passphrase: str | None) -> Unlocked:
    if key_file is None and passphrase is None:
        key_file = folder / KEY_FILE
        if not key_file.exists():
            write_private(key_file, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
    data_key = secrets.token_bytes(KEY_BYTES)
    slots = []
    if key_file is not None:
        slots.append(wrap(data_key, "keyfile", read_secret(key_file)))
    if passphrase is not None:
        slots.append(wrap(data_key, "passphrase", normal(passphrase)))
    write_slots(folder, Slots(tuple(slots)))
    return Unlocked(data_key, True, slots[0].kind)


def _open(folder: Path, key_file: Path, passphrase: str | None) -> Unlocked:
    problems = []
    slots = read_slots(folder)
    for slot in slots.now:
        try:
            secret = _secret(slot, key_file, passphrase)
            data_key = unwrap(slot, secret, key_file)
        except UserError as problem:
            problems.append(problem.user_text)
        else:
            return Unlocked(data_key, False, slot.kind, _next_key(slots.next, key_file, passphrase))
    raise UserError("\n".join(problems))


def _next_key(slots: tuple[Slot, ...], key_file: Path, passphrase: str | None) -> bytes | None:
    """The data key that a rotation has left, as far as the secrets at hand open it."""
    for slot in slots:
        with suppress(UserError):
            return unwrap(slot, _secret(slot, key_file, passphrase), key_file)
    return None


def _secret(slot: Slot, key_file: Path, passphrase: str | None) -> bytes:
    if slot.kind == "keyfile":
        return read_secret(key_file)
    if slot.kind == "passphrase":
        return _need(passphrase)
    raise UserError(RECOVERABLE)


def _need(passphrase: str | None) -> bytes:
    if passphrase is None:
        raise UserError("The state is locked with a passphrase. Give it as MEDUSA_PASSPHRASE and start again.")
    return normal(passphrase)


def normal(passphrase: str) -> bytes:
    """One byte string for one passphrase, however a keyboard composes its letters."""
    return unicodedata.normalize("NFC", passphrase).encode()


def read_secret(path: Path) -> bytes:
    """The content of a key file, without the line end that editors add."""
    try:
        with path.open("rb") as file:
            secret = file.read(LONGEST_SECRET).strip()
    except FileNotFoundError:
        raise UserError(
            f"The key file {path} is missing; without it the state can't be read. Put it back, "
            "or move the state folder away to start afresh."
        ) from None
    if len(secret) < SHORTEST_SECRET:
        raise UserError(
            f"The key file {path} has only {len(secret)} bytes; {SHORTEST_SECRET} or more random ones are needed."
        )
    return secret


def _wrapping_key(kind: Kind, secret: bytes, salt: bytes, cost: dict[str, int]) -> bytes:
    if kind in _CONTEXTS:
        key = HKDF(secret, KEY_BYTES, salt, SHA256, context=_CONTEXTS[kind])
        if not isinstance(key, bytes):
            raise TypeError("HKDF returns one key when one is asked for")
        return key
    return hashlib.scrypt(secret, salt=salt, dklen=KEY_BYTES, maxmem=2**28, **cost)


def wrap(data_key: bytes, kind: Kind, secret: bytes) -> Slot:
    """A slot that this secret opens."""
    cost = SCRYPT if kind == "passphrase" else {}
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    cipher = AES.new(_wrapping_key(kind, secret, salt, cost), AES.MODE_GCM, nonce=nonce)
    wrapped, tag = cipher.encrypt_and_digest(data_key)
    return Slot(kind, salt.hex(), nonce.hex(), (wrapped + tag).hex(), cost)


def unwrap(slot: Slot, secret: bytes, key_file: Path) -> bytes:
    """The data key in a slot. Raises UserError for another secret."""
    key = _wrapping_key(slot.kind, secret, bytes.fromhex(slot.salt), slot.cost)
    wrapped = bytes.fromhex(slot.wrapped)
    cipher = AES.new(key, AES.MODE_GCM, nonce=bytes.fromhex(slot.nonce))
    try:
        return cipher.decrypt_and_verify(wrapped[:-_TAG_BYTES], wrapped[-_TAG_BYTES:])
    except ValueError:
        names = {"keyfile": f"The key file {key_file}", "passphrase": "The passphrase"}
        what = names.get(slot.kind, "The recovery key")
        raise UserError(f"{what} does not open the state. Give the right one; nothing was changed.") from None


def read_slots(folder: Path) -> Slots:
    """The key slots of the state in ``folder``. Raises UserError for a damaged file, and OSError."""
    path = folder / SLOTS
    try:
        document = json.loads(path.read_bytes())
        if document["version"] != 1:
            raise ValueError("an unknown version")
        slots = Slots(*(tuple(map(_checked, document.get(name, ()))) for name in ("slots", "next")))
        if not slots.now:
            raise ValueError("no slot")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged; without it the state can't be read. Restore it from a backup; nothing was changed."
        ) from error
    return slots


def write_slots(folder: Path, slots: Slots) -> None:
    """Put these in the place of all slots, whole or not at all. Raises OSError."""
    document: dict[str, Any] = {"version": 1, "slots": [asdict(slot) for slot in slots.now]}
    if slots.next:
        document["next"] = [asdict(slot) for slot in slots.next]
    write_private(folder / SLOTS, (json.dumps(document, indent=1) + "\n").encode())


def _checked(values: dict[str, Any]) -> Slot:
    """One slot as read from the file. Raises ValueError, TypeError or AttributeError when it makes no sense."""
    slot = Slot(**values)
    sizes = [len(bytes.fromhex(text)) for text in (slot.salt, slot.nonce, slot.wrapped)]
    if sizes != [16, 12, KEY_BYTES + _TAG_BYTES]:
        raise ValueError("a field of the wrong length")
    if slot.kind not in get_args(Kind):
        raise ValueError("an unknown kind of slot")
    if slot.kind == "passphrase" and not _affordable(**slot.cost):
        raise ValueError("costs out of bounds")
    return slot


def _affordable(n: int, r: int, p: int) -> bool:
    """Whether scrypt takes these costs and stays below 128 MiB."""
    return n in (2**power for power in range(14, 18)) and r == 8 and p in (1, 2, 3, 4)
