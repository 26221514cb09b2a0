"""Backups as the owner has them made: in Telegram, in parts, read back from there, and fetched again."""

from pathlib import Path

import pytest

from medusa.backups.quarantine import Quarantine
from medusa.backups.restore import fetch_latest, inspect, restore
from medusa.backups.spelling import read_key
from medusa.demo.stage import Stage
from medusa.errors import UserError
from medusa.storage import open_store
from medusa.storage.backups import BackupTable
from medusa.storage.jobs import Jobs
from medusa.storage.keyring import Secrets
from tests.e2e.kit import send


async def test_backups_in_parts_are_proved_listed_fetched_and_held_apart(stage: Stage, tmp_path: Path) -> None:
    app, me = stage.app, stage.owner.user_id
    app.backups.most = 600
    said = [m.text for m in await send(stage, "/pause all", "/dl sample:notes.pdf", "/backup key", "/backup to me")]
    key = read_key(said[2].splitlines()[1])
    assert "read back from Saved Messages" in said[3]
    assert "/backup key" not in said[3]
    [first] = await app.backups.table.records()
    assert first.good
    assert len(first.messages) > 1
    offsite = app.backups.offsite
    assert offsite is not None
    paths = await fetch_latest(offsite, me, tmp_path)
    assert inspect(paths[::-1], key).counts["jobs"] == 1

    # What the disk says is said in a line, too: of the folder that a fetched one goes to, and of that for reading back.
    with pytest.raises(UserError, match=r"can't be fetched into .*No such file"):
        await fetch_latest(offsite, me, tmp_path / "nowhere")
    in_the_way = app.config.data / "backups" / ".back"
    in_the_way.mkdir()
    assert "Is a directory" in (await send(stage, "/backup to me"))[-1].text
    in_the_way.rmdir()

    # A second one that can't be read back is thrown away, and the first one stays.
    stage.telegram.faults.fail("upload.getFile", "FILE_ID_INVALID", times=None)
    [*_, failed] = await send(stage, "/backup to me")
    stage.telegram.faults.clear()
    assert "✓" not in failed.text
    assert await app.backups.table.records() == [first]
    assert {m.id for m in await stage.owner.history(me) if m.file and m.file.name.startswith("medusa-")} == set(
        first.messages
    )

    # A part is gone: there is no whole backup any more.
    listed = (await send(stage, "/backup"))[-1].text
    assert "Saved Messages" in listed
    await offsite.messenger.delete(me, [first.messages[0]])
    with pytest.raises(UserError, match="no whole backup"):
        await fetch_latest(offsite, me, tmp_path)

    # Two machines restore the same backup: the second one hears of the first.
    for number in (1, 2):
        await restore(paths, key, tmp_path / f"machine{number}", Secrets(None, None))
        async with open_store(tmp_path / f"machine{number}") as store:
            quarantine = Quarantine(BackupTable(store), Jobs(store), offsite)
            await quarantine.load()
            await quarantine.run("/")
            await quarantine.run("/")
    told = [m.text for m in await stage.owner.history(me) if m.text.startswith(("Medusa was restored", "This backup"))]
    assert [text.partition(" ")[0] for text in told] == ["Medusa", "This"]
    assert "as instance" in told[0]


async def test_bad_places_and_words_are_refused_in_a_line(stage: Stage) -> None:
    for command, words in (
        ("/backup to /nowhere/at/all", "Is its disk mounted?"),
        ("/backup to Nobody", "no channel or group"),
        ("/backup everything", "/backup now"),
        ("/set backup 5m", "1h to 30d"),
        ("/set backup-to tape", "folder"),
        ("/set backup-keep none", "7d 4w 6m"),
    ):
        text = (await send(stage, command))[-1].text
        assert words in text
        assert len(text.splitlines()) == 1
