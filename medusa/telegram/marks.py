"""Keeps the confirmed parts of an upload in a small file beside its data, so that no kill makes them forgotten."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medusa.telegram.parts import Ledger

_HEAD = 8


@contextmanager
def kept_ledger(path: Path, file_id: int, size: int) -> Iterator[Ledger]:
    """The ledger of an upload of ``size`` bytes; each confirmed part is noted in the file at ``path`` at once.

    A note is one byte handed to the kernel, which writes it to the disk together with others when it sees fit: a
    killed process loses none of them. After a power cut some may be missing, and those parts are sent again. What
    stands in the file of another upload is passed over. Raises OSError.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        head = file_id.to_bytes(_HEAD, "big", signed=True)
        known = os.pread(handle, os.fstat(handle).st_size, 0)
        acked = bytearray(known[_HEAD:]) if known.startswith(head) else bytearray()
        ledger = Ledger(file_id, size, acked)
        # So that the room is there, and no later note meets a full disk.
        os.posix_fallocate(handle, 0, _HEAD + len(ledger.acked))
        os.pwrite(handle, head + ledger.acked, 0)
        os.ftruncate(handle, _HEAD + len(ledger.acked))
        ledger.noted = lambda index, value: _note(handle, index, value)
        yield ledger
    finally:
        os.close(handle)


def _note(handle: int, index: int, value: int) -> None:
    os.pwrite(handle, bytes((value,)), _HEAD + index)
