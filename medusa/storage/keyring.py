"""Changes which secrets open the state: slots are added, removed and wrapped anew, and the data key is rotated."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from medusa.errors import UserError
from medusa.storage.errors import translated_files
from medusa.storage.folder import KEY_FILE, write_private
from medusa.storage.keys import (
    KEY_BYTES,
    Kind,
    Slot,
    Slots,
    normal,
    read_secret,
    read_slots,
    unwrap,
    wrap,
    write_slots,
)
from medusa.storage.lock import locked
from medusa.storage.recovery import new_recovery_key, words_of

NAMES: dict[Kind, str] = {"keyfile": "key file", "passphrase": "passphrase", "recovery": "recovery words"}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the owner has given to open the state with: a key file (None is the usual one) and a passphrase."""

    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)

    def of(self, slot: Slot, folder: Path) -> bytes | None:
        """The secret for a slot, as far as it was given. Raises UserError for an unusable key file."""
        path = self.key_file or folder / KEY_FILE
        if slot.kind == "keyfile":
            return read_secret(path) if path.exists() else None
        if slot.kind == "passphrase" and self.passphrase is not None:
            return normal(self.passphrase)
        return None


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new data key, the slots that will open it, the new recovery words if there were any, and what opens no more."""

    data_key: bytes = field(repr=False)
    slots: tuple[Slot, ...]
    words: str | None = field(default=None, repr=False)
    dropped: tuple[Kind, ...] = ()


def kinds(folder: Path) -> list[Kind]:
    """The kinds of all slots, in the order in which they are tried. Raises UserError."""
    with translated_files(folder):
        return [slot.kind for slot in read_slots(folder).now]


def rotation(folder: Path, given: Secrets) -> Rotation:
    """Prepare another data key for the same secrets, and change nothing.

    Recovery words are made anew; a slot whose secret was not given can't be wrapped again and is dropped. Raises
    UserError when none would stay.
    """
    data_key = secrets.token_bytes(KEY_BYTES)
    kept: list[Slot] = []
    dropped: list[Kind] = []
    words = None
    with translated_files(folder):
        for slot in read_slots(folder).now:
            secret = given.of(slot, folder)
            if slot.kind == "recovery":
                key = new_recovery_key()
                words = words_of(key)
                kept.append(wrap(data_key, "recovery", key))
            elif secret is not None and _opens(slot, secret, folder):
                kept.append(wrap(data_key, slot.kind, secret))
            else:
                dropped.append(slot.kind)
    if all(slot.kind == "recovery" for slot in kept):
        raise UserError("No slot that is opened by what you have given would stay; nothing was changed.")
    return Rotation(data_key, tuple(kept), words, tuple(dropped))


def announce(folder: Path, change: Rotation) -> None:
    """Have both data keys open for as long as it is not certain which of them the database has. Raises UserError."""
    with translated_files(folder):
        write_slots(folder, Slots(read_slots(folder).now, change.slots))


def settle(folder: Path, *, rotated: bool) -> None:
    """End a rotation, forwards or backwards; where none is under way, nothing happens. Raises UserError."""
    with translated_files(folder):
        slots = read_slots(folder)
        if slots.next:
            write_slots(folder, Slots(slots.next if rotated else slots.now))


def add(folder: Path, data_key: bytes, kind: Kind, secret: bytes) -> None:
    """One more secret that opens the state. Raises UserError."""
    with translated_files(folder):
        slots = read_slots(folder)
        write_slots(folder, Slots((*slots.now, wrap(data_key, kind, secret))))


def add_recovery(folder: Path, data_key: bytes) -> str:
    """Make recovery words that open the state, in place of former ones, and return them. Raises UserError."""
    key = new_recovery_key()
    with translated_files(folder):
        others = tuple(slot for slot in read_slots(folder).now if slot.kind != "recovery")
        write_slots(folder, Slots((*others, wrap(data_key, "recovery", key))))
    return words_of(key)


def remove(folder: Path, number: int) -> Kind:
    """Have a slot, counted from 1, open the state no more. Raises UserError for the last one and for none."""
    with translated_files(folder):
        slots = list(read_slots(folder).now)
        if not 0 < number <= len(slots):
            raise UserError(f"There is no slot {number}; they are 1 to {len(slots)}.")
        gone = slots.pop(number - 1)
        if not any(slot.kind != "recovery" for slot in slots):
            raise UserError("The last key file or passphrase can't be removed: add another one first.")
        write_slots(folder, Slots(tuple(slots)))
    return gone.kind


def rewrap(folder: Path, data_key: bytes, old: str, new: str) -> None:
    """Put a passphrase in the place of another one; the data stay as they are. Raises UserError for a wrong one."""
    with translated_files(folder):
        slots = read_slots(folder).now
        places = [n for n, slot in enumerate(slots) if slot.kind == "passphrase" and _opens(slot, normal(old), folder)]
        if not places:
            raise UserError("The old passphrase opens no slot; nothing was changed.")
        fresh = list(slots)
        fresh[places[0]] = wrap(data_key, "passphrase", normal(new))
        write_slots(folder, Slots(tuple(fresh)))


def recover(folder: Path, key: bytes, key_file: Path | None, passphrase: str | None) -> Kind:
    """Make a slot for a new passphrase, or else for a new key file, with the recovery key; returns its kind.

    The slots of that kind, whose secret is lost, are dropped. Raises UserError when the key opens no slot, or when
    Medusa is running.
    """
    path = key_file or folder / KEY_FILE
    with locked(folder), translated_files(folder):
        slots = read_slots(folder)
        found = next((slot for slot in slots.now if slot.kind == "recovery"), None)
        if found is None:
            raise UserError("This state has no recovery words. Without a key file or passphrase it can't be read.")
        data_key = unwrap(found, key, path)
        kind: Kind = "keyfile" if passphrase is None else "passphrase"
        if passphrase is None and not path.exists():
            write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        secret = read_secret(path) if passphrase is None else normal(passphrase)
        others = tuple(slot for slot in slots.now if slot.kind != kind)
        write_slots(folder, Slots((wrap(data_key, kind, secret), *others), slots.next))
    return kind


def _opens(slot: Slot, secret: bytes, folder: Path) -> bool:
    try:
        unwrap(slot, secret, folder / KEY_FILE)
    except UserError:
        return False
    return True


def add_passphrase(folder: Path, data_key: bytes, passphrase: str) -> None:
    """One more passphrase that opens the state. Raises UserError."""
    add(folder, data_key, "passphrase", normal(passphrase))


def add_file(folder: Path, data_key: bytes, path: Path) -> None:
    """One more key file that opens the state, made where it is missing. Raises UserError."""
    with translated_files(folder):
        if not path.exists():
            write_private(path, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
        add(folder, data_key, "keyfile", read_secret(path))
