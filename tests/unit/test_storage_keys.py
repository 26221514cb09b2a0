"""Key slots: who opens the state, and what happens to who can't."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from medusa.errors import UserError
from medusa.storage.keys import unlock

PASSPHRASE = "Grüße aus dem Süden"
SECRET = b"0123456789abcdef0123456789abcdef"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write_database(folder: Path) -> None:
    (folder / "medusa.db").write_bytes(b"state")


def edit_slot(folder: Path, **changes: Any) -> None:
    path = folder / "medusa.keys"
    document = json.loads(path.read_text())
    document["slots"][0] |= changes
    path.write_text(json.dumps(document))


def refusal(folder: Path, key_file: Path | None = None, passphrase: str | None = None) -> str:
    """The words of a refusal, which must leave every file as it was."""
    before = files(folder)
    with pytest.raises(UserError) as caught:
        unlock(folder, key_file=key_file, passphrase=passphrase)
    assert files(folder) == before
    return caught.value.user_text


def test_first_start_makes_a_private_key_file_that_opens_the_state_again(tmp_path: Path) -> None:
    first = unlock(tmp_path, key_file=None, passphrase=None)
    again = unlock(tmp_path, key_file=None, passphrase=None)
    assert (len(first.data_key), first.created, first.slot) == (32, True, "keyfile")
    assert (again.data_key, again.created, again.slot) == (first.data_key, False, "keyfile")
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "medusa.key": 0o600,
        "medusa.keys": 0o600,
    }


def test_every_state_has_its_own_key(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    keys = {unlock(folder, key_file=None, passphrase=None).data_key for folder in folders}
    assert len(keys) == 2


def test_a_passphrase_at_the_first_start_makes_no_key_file(tmp_path: Path) -> None:
    first = unlock(tmp_path, key_file=None, passphrase=PASSPHRASE)
    decomposed = PASSPHRASE.replace("ü", "u\u0308")
    again = unlock(tmp_path, key_file=None, passphrase=decomposed)
    assert again.data_key == first.data_key
    assert again.slot == "passphrase"
    assert not (tmp_path / "medusa.key").exists()


def test_a_given_key_file_is_used_and_never_made(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    secret = tmp_path / "secret"
    assert "is missing" in refusal(folder, key_file=secret)
    secret.write_bytes(SECRET + b"\n")
    first = unlock(folder, key_file=secret, passphrase=None)
    secret.write_bytes(SECRET)
    assert unlock(folder, key_file=secret, passphrase=None).data_key == first.data_key
    assert set(files(folder)) == {"medusa.keys"}


def test_a_key_file_and_a_passphrase_together_make_two_slots(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    first = unlock(tmp_path, key_file=secret, passphrase=PASSPHRASE)
    assert unlock(tmp_path, key_file=secret, passphrase=None).data_key == first.data_key
    assert unlock(tmp_path, key_file=None, passphrase=PASSPHRASE).data_key == first.data_key


def test_a_passphrase_that_has_no_slot_does_not_lock_the_owner_out(tmp_path: Path) -> None:
    first = unlock(tmp_path, key_file=None, passphrase=None)
    again = unlock(tmp_path, key_file=None, passphrase=PASSPHRASE)
    assert (again.data_key, again.slot) == (first.data_key, "keyfile")


def test_an_existing_key_file_is_kept_when_the_first_start_was_cut_short(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    key = (tmp_path / "medusa.key").read_bytes()
    (tmp_path / "medusa.keys").unlink()
    (tmp_path / ".medusa.keys.new").write_bytes(b"half")
    assert unlock(tmp_path, key_file=None, passphrase=None).created
    assert (tmp_path / "medusa.key").read_bytes() == key
    assert set(files(tmp_path)) == {"medusa.key", "medusa.keys"}


def test_a_missing_key_file_is_named_and_no_new_one_is_made(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    write_database(tmp_path)
    (tmp_path / "medusa.key").unlink()
    text = refusal(tmp_path)
    assert str(tmp_path / "medusa.key") in text
    assert "without it the state can't be read" in text


def test_missing_slots_beside_a_database_are_not_made_anew(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    write_database(tmp_path)
    (tmp_path / "medusa.keys").unlink()
    assert str(tmp_path / "medusa.keys") in refusal(tmp_path)


def test_a_wrong_key_file_is_refused(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    (tmp_path / "medusa.key").write_bytes(SECRET)
    assert "medusa.key does not open the state" in refusal(tmp_path)


def test_a_wrong_or_missing_passphrase_is_refused(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=PASSPHRASE)
    assert "The passphrase does not open the state" in refusal(tmp_path, passphrase="something else")
    assert "MEDUSA_PASSPHRASE" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", SECRET[:31]])
def test_a_key_file_that_is_easily_guessed_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "medusa.key").write_bytes(content)
    assert "32 or more" in refusal(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"version": 2, "slots": []}', '{"version": 1}', '{"version": 1, "slots": [1]}', "\x00\xff"],
)
def test_malformed_slots_are_refused(tmp_path: Path, text: str) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    (tmp_path / "medusa.keys").write_bytes(text.encode("latin-1"))
    assert "medusa.keys is damaged" in refusal(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"kind": ["keyfile"]},
        {"salt": "00"},
        {"salt": None},
        {"nonce": "zz" * 12},
        {"wrapped": "00" * 47},
        {"extra": 1},
        {"cost": {"n": 2**30, "r": 8, "p": 1}},
        {"cost": {"n": 2**15, "r": 8, "p": 0}},
        {"cost": {"n": 2**15}},
        {"cost": None},
    ],
)
def test_a_malformed_slot_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    unlock(tmp_path, key_file=None, passphrase=PASSPHRASE)
    edit_slot(tmp_path, **changes)
    assert "medusa.keys is damaged" in refusal(tmp_path, passphrase=PASSPHRASE)


def test_no_slot_at_all_is_damage_too(tmp_path: Path) -> None:
    (tmp_path / "medusa.keys").write_text('{"version": 1, "slots": []}')
    assert "medusa.keys is damaged" in refusal(tmp_path)


def test_a_changed_wrapping_is_noticed(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    edit_slot(tmp_path, wrapped="00" * 48)
    assert "does not open the state" in refusal(tmp_path)


def test_a_folder_where_a_file_should_be_is_named(tmp_path: Path) -> None:
    unlock(tmp_path, key_file=None, passphrase=None)
    (tmp_path / "medusa.key").unlink()
    os.mkdir(tmp_path / "medusa.key")  # noqa: PTH102
    with pytest.raises(UserError, match=r"medusa\.key"):
        unlock(tmp_path, key_file=None, passphrase=None)


def test_the_data_key_is_not_in_the_words_about_it(tmp_path: Path) -> None:
    unlocked = unlock(tmp_path, key_file=None, passphrase=None)
    assert "data_key" not in repr(unlocked)
