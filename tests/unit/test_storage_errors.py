"""What SQLCipher and the file system raise, in the words of the house."""

import errno
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from medusa.errors import Broken, DiskFull, MedusaError, Transient, UserError
from medusa.storage.errors import translate, translated, translated_files


def error(code: int | None) -> sqlcipher.Error:
    made = sqlcipher.OperationalError("words of SQLite's")
    if code is not None:
        made.sqlite_errorcode = code
    return made


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        (13, DiskFull, "disk is full"),
        (10, Transient, "disk failed"),
        (10 | 4 << 8, Transient, "disk failed"),  # SQLITE_IOERR_FSYNC
        (5, Transient, "in use"),
        (6, Transient, "in use"),
        (11, UserError, "damaged"),
        (26, UserError, "damaged"),
        (8, UserError, "may not write"),
        (14, UserError, "may not write"),
        (3, UserError, "may not write"),
        (19, Broken, "could not be"),
        (1, Broken, "could not be"),
        (None, Broken, "could not be"),
    ],
)
def test_result_codes_become_errors_of_medusa(code: int | None, kind: type[MedusaError], word: str) -> None:
    translation = translate(error(code))
    assert type(translation) is kind
    assert word in translation.user_text
    assert "SQLite" not in translation.user_text


def test_the_foreign_error_stays_the_cause() -> None:
    foreign = error(13)
    with pytest.raises(Transient) as caught, translated():
        raise foreign
    assert caught.value.__cause__ is foreign


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOSPC, Transient, "disk is full"),
        (errno.EDQUOT, Transient, "disk is full"),
        (errno.EACCES, UserError, "Permission denied"),
        (errno.EROFS, UserError, "Read-only"),
    ],
)
def test_file_errors_become_errors_of_medusa(number: int, kind: type[MedusaError], word: str) -> None:
    with pytest.raises(kind, match=word), translated_files(Path("sessions")):
        raise OSError(number, {errno.EACCES: "Permission denied", errno.EROFS: "Read-only"}.get(number, ""))


def test_other_errors_pass_through() -> None:
    with pytest.raises(KeyError), translated(), translated_files(Path("sessions")):
        raise KeyError
