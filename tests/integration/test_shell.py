"""What the shell does with the data while Medusa does not run."""

import asyncio
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import data, saving
from medusa.backups.spelling import spelt
from medusa.config import Config
from medusa.errors import UserError
from medusa.model import JobState, Order
from medusa.storage import keyring, open_store
from medusa.storage.jobs import Jobs
from medusa.storage.recovery import key_of
from tests.integration.test_backups import made

PERSON = 777000111


@pytest.fixture
def config(config: Config, tmp_path: Path) -> Config:
    return replace(config, data=tmp_path / "data", work=tmp_path / "work")


async def fill(folder: Path, people: Sequence[int]) -> None:
    """A job of each that has ended."""
    async with open_store(folder) as store:
        for person in people:
            [job] = await Jobs(store).add([Order("https://example.org/a")], person, 1, time.time())
            await Jobs(store).save(replace(job, state=JobState.DONE, ended=1.0, told=True))


def test_a_person_is_erased_together_with_what_was_looked_at(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(config.data, [PERSON, 777000222]))
    for name in ("1", "2", "looks/a"):
        (config.work / name).mkdir(parents=True)
    assert data._erase(Namespace(whom=str(PERSON), yes=True), config) == 0
    assert sorted(path.name for path in config.work.iterdir()) == ["2"]
    assert "1 jobs" in (said := capsys.readouterr().out)
    assert "1 work folders" in said
    assert data._erase(Namespace(whom=str(PERSON), yes=True), config) == 0
    assert "nothing, 0 work folders" in capsys.readouterr().out


def test_a_restore_says_that_recovery_words_are_void(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`restore latest` on an empty machine has just shown some, of the state that held the login until then."""
    path, key = asyncio.run(made(tmp_path / "old"))
    (tmp_path / "key").write_text(spelt(key))
    words = asyncio.run(_with_words(config.data))
    options = Namespace(files=[str(path)], chat=None, key_file=tmp_path / "key", replace=False)
    assert asyncio.run(saving.restore(options, config)) == 0
    with pytest.raises(UserError, match="no recovery words"):
        keyring.recover(config.data, key_of(words), None, None)
    assert "Recovery words from before do not open it" in capsys.readouterr().err


async def _with_words(folder: Path) -> str:
    async with open_store(folder) as store:
        return keyring.add_recovery(folder, store.place.data_key)


@pytest.mark.parametrize("file", ["/proc/self/mem", "/" + "x" * 300])
def test_a_file_that_cannot_be_read_or_written_is_named(config: Config, file: str) -> None:
    with pytest.raises(UserError, match=f"{file} can't be read: "):
        data._import(Namespace(file=Path(file), kind=None), config)
    with pytest.raises(UserError, match=f"{file} (can't be written: |is there already)"):
        data._export(Namespace(file=Path(file), person=None), config)


@pytest.mark.parametrize("whom", ["0", "-5", "99999999999999999999", "@name", "٧٧٧٠٠٠١١١"])
def test_who_is_nobody_is_neither_erased_nor_exported(config: Config, whom: str) -> None:
    with pytest.raises(UserError, match="nobody's Telegram id"):
        data._erase(Namespace(whom=whom, yes=True), config)
    with pytest.raises(UserError, match="nobody's Telegram id"):
        data._export(Namespace(file=config.work / "out.jsonl", person=whom), config)
    assert not config.data.exists()
