"""What the shell does with the data while Medusa does not run."""

import asyncio
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from medusa import data
from medusa.config import Config
from medusa.errors import UserError
from medusa.model import JobState, Order
from medusa.storage import open_store
from medusa.storage.jobs import Jobs

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


@pytest.mark.parametrize("whom", ["0", "-5", "99999999999999999999", "@name", "٧٧٧٠٠٠١١١"])
def test_who_is_nobody_is_neither_erased_nor_exported(config: Config, whom: str) -> None:
    with pytest.raises(UserError, match="nobody's Telegram id"):
        data._erase(Namespace(whom=whom, yes=True), config)
    with pytest.raises(UserError, match="nobody's Telegram id"):
        data._export(Namespace(file=config.work / "out.jsonl", person=whom), config)
    assert not config.data.exists()
