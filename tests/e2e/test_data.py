"""The owner's data: taken out, put under another key, kept for a while, and gone for good."""

import asyncio
import json
from pathlib import Path

import pytest

from medusa.care import keeper, wipe
from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.storage import open_store
from medusa.storage.answers import Answers
from medusa.storage.handled import Handled
from medusa.storage.library import Posts
from tests.e2e.kit import send
from tests.integration.test_contents import decrypted

MARK = "mark-9f27c1"


def holding(*folders: Path) -> list[Path]:
    """The files below the folders that hold the mark in any byte."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if MARK.encode() in path.read_bytes()]


async def plant(stage: Stage, person: int) -> None:
    """A post with the mark everywhere, that belongs to the person by now, and the mark in files beside the state."""
    await send(stage, f"/dl sample:clip.mp4 -n {MARK}-name -c {MARK}-caption")
    app = stage.app
    await Answers(app.store).put(f"{MARK}-answer", f"{MARK} {MARK}".encode())
    async with app.store.write() as db:
        await db.run("UPDATE jobs SET chat_id = ?, told = 1, title = ? WHERE id = 1", (person, f"{MARK}-title"))
        await db.run("UPDATE library SET chat_id = ?", (person,))
    assert await Posts(app.store).find(MARK, 3, 99)
    for path in (app.config.data / "log" / "medusa.log", app.config.work / "1" / "thumb.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{MARK}\n")


async def said(stage: Stage, text: str) -> str:
    """What stands in the place of a command once it is answered."""
    return next(message.text for message in reversed(await send(stage, text)) if not message.file)


async def test_the_owner_takes_data_out_changes_the_key_and_erases_a_person(stage: Stage) -> None:
    person, app = 424242001, stage.app
    await plant(stage, person)
    await app.store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    assert MARK.encode() in decrypted(app.store)
    assert "1 jobs" in await said(stage, f"/export {person}")
    sent = [message for message in stage.telegram.messages() if getattr(message, "media", None)][-1]
    file = stage.telegram.file_of(sent)
    assert file is not None
    lines = [json.loads(line) for line in file.read().splitlines()]
    assert lines[0]["person"] == person
    assert f"{MARK}-caption" in str(lines)
    assert "Would go now, without an archive: nothing" in await said(stage, "/retention")

    old = app.store.place.data_key
    assert "new data key" in await said(stage, "/rotate-key")
    assert app.store.place.data_key != old

    assert "To go on: /erase" in await said(stage, f"/erase {person}")
    assert "Really?" in await said(stage, f"/erase {person} yes-erase")
    assert holding(app.config.data, app.config.work)
    answer = await said(stage, f"/erase {person} yes-erase yes-erase")
    assert "1 jobs" in answer
    assert "1 work folders" in answer
    await app.store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    assert holding(app.config.data, app.config.work) == []
    assert MARK.encode() not in decrypted(app.store)
    # Nor does the record of what the owner has done say whose it was.
    record = await app.access.audit.recent(20)
    assert [one.detail for one in record if str(person) in (one.detail or "")] == []
    assert [(one.act, one.person, one.detail) for one in record[:3]] == [
        ("erase", 0, ""),
        ("rotatekey", 0, ""),
        ("export", None, None),
    ]
    assert "nothing was kept" in await said(stage, "/erase 999888777 yes-erase yes-erase")
    assert "Who is" in await said(stage, "/erase somebody")


async def test_what_is_old_goes_by_itself(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "FIRST", 0.5)
    async with open_stage(config, tmp_path / "stage", samples_folder) as stage, asyncio.timeout(30):
        await Handled(stage.app.store).mark(1, 1, 5.0)
        while await Handled(stage.app.store).seen(1, 1):
            await asyncio.sleep(0.05)


async def test_after_all_is_erased_nothing_is_left_and_the_login_has_ended(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path
) -> None:
    folders: list[Path] = []
    with pytest.raises(wipe.Erased, match="Everything is erased"):
        async with open_stage(config, tmp_path / "stage", samples_folder) as stage:
            await plant(stage, 5)
            folders += [stage.app.config.data, stage.app.config.work]
            assert holding(*folders)
            await send(stage, "/erase all", "/erase all yes-erase")
            await stage.owner.send(stage.owner.user_id, "/erase all yes-erase yes-erase")
            await asyncio.sleep(30)
    assert [list(folder.rglob("*")) for folder in folders] == [[], []]
    async with open_store(folders[0]) as store:  # a fresh start
        assert store.created
