"""The embedded Telegram's own reading of file parts, and what keeps older databases usable."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions

from medusa.loopback import tl
from medusa.loopback.crypto import BadMessage, decrypt, encrypt
from medusa.loopback.database import Database
from medusa.loopback.files import Files
from medusa.loopback.keys import Keys

LENGTHS = (0, 1, 2, 3, 253, 254, 255, 1024, 70_000, 524_288)


@pytest.mark.parametrize("length", LENGTHS)
def test_parts_are_read_as_they_were_written(length: int) -> None:
    data = os.urandom(length)
    for request in (
        functions.upload.SaveBigFilePartRequest(-7, 3, -1, data),
        functions.upload.SaveFilePartRequest(2**62, 4000, data),
    ):
        whole = bytes(request)
        found = tl.parse(memoryview(whole))
        assert vars(found) == vars(request)


@pytest.mark.parametrize("cut", [4, 11, 19, 20, 23, 24, 25, 279])
def test_parts_that_are_cut_short_are_unreadable(cut: int) -> None:
    whole = bytes(functions.upload.SaveBigFilePartRequest(7, 3, -1, bytes(256)))
    with pytest.raises(tl.Unreadable) as caught:
        tl.parse(whole[:cut])
    assert caught.value.constructor == "DE7B673D"


def test_a_trusting_server_still_wants_whole_messages() -> None:
    key = os.urandom(256)
    packet = bytearray(encrypt(key, bytes(28) + (16).to_bytes(4, "little") + bytes(16)))
    with pytest.raises(BadMessage, match="length"):
        decrypt(key, packet[:40], checked=False)
    with pytest.raises(BadMessage, match="msg_key"):
        decrypt(key, packet)


OLD = """
CREATE TABLE keys(
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, account INTEGER, awaiting INTEGER, error TEXT, expires INTEGER,
  permanent INTEGER, device TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL);
CREATE TABLE parts(
  account INTEGER NOT NULL, file_id INTEGER NOT NULL, part INTEGER NOT NULL, size INTEGER NOT NULL, data BLOB,
  PRIMARY KEY(account, file_id, part));
INSERT INTO keys(id, key, created) VALUES(11, x'00', 1);
INSERT INTO parts VALUES(1, 7, 0, 3, x'414243');
INSERT INTO parts VALUES(1, 7, 1, 1, x'44');
"""


def test_an_older_database_goes_on(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "telegram.db")
    older.executescript(OLD)
    older.close()
    for _ in range(2):
        with Database(tmp_path).opened() as database:
            assert Keys(database, 2).find(11) is not None
            assert Keys(database, 5).find(11) is None
            rows: list[Any] = database.all("SELECT data, arrived FROM parts ORDER BY part")
            assert [tuple(row) for row in rows] == [(b"ABC", 0.0), (b"D", 0.0)]
            assert Files(database, tmp_path).last() is None
