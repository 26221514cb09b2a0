"""Who opens the state: slots, recovery words, and another data key, killed at every step of the way."""

import asyncio
import shutil
from pathlib import Path

import pytest

from medusa.errors import DiskFull, UserError
from medusa.model import Order
from medusa.storage import keyring, open_store, rewriting, store
from medusa.storage.jobs import Jobs
from medusa.storage.keyring import Secrets
from medusa.storage.keys import unlock
from medusa.storage.recovery import key_of, new_recovery_key, words_of

OLD, NEW = "the old passphrase", "the new passphrase"


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """A folder for the state, beside which there is room."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


async def filled(folder: Path, passphrase: str | None = None) -> None:
    async with open_store(folder, passphrase=passphrase) as opened:
        await Jobs(opened).add([Order(f"https://example.org/{n}") for n in range(50)], 1, 1, 1.0)


async def count(folder: Path, passphrase: str | None = None) -> int:
    async with open_store(folder, passphrase=passphrase) as opened:
        await Jobs(opened).add([Order("https://example.org/more")], 1, 1, 1.0)  # it can be written, too
        [(found,)] = await opened.read("SELECT count(*) FROM jobs")
        return int(found)


def data_key(folder: Path) -> bytes:
    return unlock(folder, key_file=None, passphrase=None).data_key


def test_recovery_words_are_read_however_they_are_typed() -> None:
    for _ in range(200):
        key = new_recovery_key()
        assert key_of(words_of(key).upper().replace(" ", " - ")) == key
    words = words_of(bytes(range(16))).split()
    for slip in (words[:-1], ["babab", *words[1:]], [words[1], words[0], *words[2:]], ["hello", *words[1:]]):
        with pytest.raises(UserError) as caught:
            key_of(" ".join(slip))
        assert words[3] not in caught.value.user_text


async def test_another_data_key_leaves_the_old_one_useless(tmp_path: Path) -> None:
    await filled(tmp_path)
    old = data_key(tmp_path)
    shutil.copytree(tmp_path, tmp_path.parent / "thief")
    async with open_store(tmp_path) as opened:
        change = keyring.rotation(tmp_path, Secrets())
        await opened.rewrite(change)
        await Jobs(opened).add([Order("https://example.org/after")], 1, 2, 1.0)  # it goes on, without a restart
        assert await opened.aside(lambda c: c.execute("SELECT count(*) FROM jobs").fetchone()[0]) == 51
    assert data_key(tmp_path) == change.data_key != old
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "medusa.ballast", "medusa.db", "medusa.key", "medusa.keys", "medusa.lock"
    ]  # fmt: skip
    assert await count(tmp_path) == 51
    shutil.copy(tmp_path.parent / "thief" / "medusa.keys", tmp_path / "medusa.keys")
    with pytest.raises(UserError, match="damaged, or it does not belong to the keys"):
        await count(tmp_path)


@pytest.mark.parametrize("step", ["draft", "_prove", "announce", "put_in_place", "settle"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_rotation_that_is_cut_short_leaves_one_whole_state(
    tmp_path: Path, step: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy of the folder is what a kill at this instant leaves."""
    await filled(tmp_path)
    seen = tmp_path.parent / "seen"
    home = rewriting if step == "_prove" else store
    whole = getattr(home, step)

    def watched(*arguments: object, **named: object) -> None:
        if not after:
            shutil.copytree(tmp_path, seen)
        whole(*arguments, **named)
        if after and not seen.exists():
            shutil.copytree(tmp_path, seen)

    async with open_store(tmp_path) as opened:
        change = keyring.rotation(tmp_path, Secrets())
        monkeypatch.setattr(home, step, watched)
        await opened.rewrite(change)
    monkeypatch.undo()
    assert await count(seen) == 50
    assert "next" not in (seen / "medusa.keys").read_text()
    assert not (seen / rewriting.DRAFT).exists()
    rotated = step in ("put_in_place", "settle") and (after or step == "settle")
    assert (data_key(seen) == change.data_key) == rotated


async def test_a_full_disk_leaves_the_old_file_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(tmp_path)
    before = data_key(tmp_path)

    def full(*_: object) -> None:
        (tmp_path / rewriting.DRAFT).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    async with open_store(tmp_path) as opened:
        monkeypatch.setattr(store, "draft", full)
        with pytest.raises(DiskFull):
            await opened.rewrite(keyring.rotation(tmp_path, Secrets()))
        assert not (tmp_path / rewriting.DRAFT).exists()
        await Jobs(opened).add([Order("https://example.org/after")], 1, 2, 1.0)
    assert data_key(tmp_path) == before
    assert await count(tmp_path) == 51


async def test_slots_are_listed_added_and_removed_but_never_the_last(tmp_path: Path) -> None:
    await filled(tmp_path)
    key = data_key(tmp_path)
    words = keyring.add_recovery(tmp_path, key)
    assert keyring.kinds(tmp_path) == ["keyfile", "recovery"]
    with pytest.raises(UserError, match="last"):
        keyring.remove(tmp_path, 1)
    keyring.add(tmp_path, key, "passphrase", OLD.encode())
    assert keyring.remove(tmp_path, 1) == "keyfile"
    with pytest.raises(UserError, match="no slot 9"):
        keyring.remove(tmp_path, 9)
    keyring.rewrap(tmp_path, key, OLD, NEW)
    with pytest.raises(UserError, match="opens no slot"):
        keyring.rewrap(tmp_path, key, OLD, NEW)
    with pytest.raises(UserError, match="passphrase does not open"):
        await count(tmp_path, OLD)
    assert await count(tmp_path, NEW) == 50
    assert key_of(words)


async def test_recovery_words_open_what_is_lost(tmp_path: Path) -> None:
    await filled(tmp_path, OLD)
    words = keyring.add_recovery(tmp_path, unlock(tmp_path, key_file=None, passphrase=OLD).data_key)
    with pytest.raises(UserError, match="recovery key does not open"):
        keyring.recover(tmp_path, new_recovery_key(), None, NEW)
    assert keyring.recover(tmp_path, key_of(words), None, NEW) == "passphrase"
    assert await count(tmp_path, NEW) == 50
    assert keyring.recover(tmp_path, key_of(words), None, None) == "keyfile"
    assert await count(tmp_path) == 50
    async with open_store(tmp_path) as opened:  # the words of before are worth nothing after a rotation
        change = keyring.rotation(tmp_path, Secrets(passphrase=NEW))
        await opened.rewrite(change)
    with pytest.raises(UserError, match="recovery key does not open"):
        keyring.recover(tmp_path, key_of(words), None, NEW)
    assert change.words
    assert keyring.recover(tmp_path, key_of(change.words), None, OLD) == "passphrase"


async def test_a_slot_whose_secret_is_not_given_is_dropped_by_a_rotation(tmp_path: Path) -> None:
    await filled(tmp_path)
    keyring.add(tmp_path, data_key(tmp_path), "passphrase", OLD.encode())
    assert keyring.rotation(tmp_path, Secrets()).dropped == ("passphrase",)
    (tmp_path / "medusa.key").unlink()
    with pytest.raises(UserError, match="nothing was changed"):
        keyring.rotation(tmp_path, Secrets(passphrase="another one"))


async def test_rewriting_waits_for_those_who_read_aside(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with open_store(tmp_path) as opened:
        entered, leave = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def read(connection: object) -> int:
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(leave.wait(), loop).result(10)
            return 1

        reading = asyncio.create_task(opened.aside(read))
        await entered.wait()
        writing = asyncio.create_task(opened.rewrite())
        await Jobs(opened).add([Order("https://example.org/meanwhile")], 1, 2, 1.0)
        assert not writing.done()
        leave.set()
        await asyncio.gather(reading, writing)
    assert await count(tmp_path) == 51
