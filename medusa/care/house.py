"""What commands may do with all data together: hand them out, erase them, put them under another key."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medusa import workfolder
from medusa.care import wipe
from medusa.care.handing import write_export
from medusa.care.keeper import Keeper
from medusa.errors import MedusaError, UserError
from medusa.storage import Store, keyring
from medusa.storage.erasing import erase_person, unfinished
from medusa.storage.keyring import Rotation, Secrets


@dataclass(frozen=True, slots=True)
class Report:
    """What went when a person was erased: rows by table, folders of jobs, and bytes of the log."""

    rows: dict[str, int]
    folders: int
    log: int


async def erase(
    store: Store, data: Path, work: Path, person: int, erased: Callable[[int], Awaitable[None]] | None = None
) -> Report:
    """Remove all that belongs to a person; done again, it finishes what was cut short. Raises UserError.

    The log is emptied whole, and the state's file is written anew, so that not even empty pages hold anything. Told of
    it in between, ``erased`` forgets what is known of the person beside the state.
    """
    if numbers := await unfinished(store, person):
        shown = " ".join(map(str, numbers[:10]))
        raise UserError(f"Jobs of theirs have not ended. Cancel them first: {shown}")
    rows, jobs = await erase_person(store, person)
    if erased is not None:
        await erased(person)
    folders, log = await asyncio.to_thread(_cleared, data, work, jobs)
    await store.rewrite()
    return Report(rows, folders, log)


def _cleared(data: Path, work: Path, jobs: Sequence[int]) -> tuple[int, int]:
    """Remove the folders of jobs, and empty the log; folders that a kill leaves are removed at the next start."""
    folders = sum((work / str(number)).exists() for number in jobs)
    workfolder.remove(work, jobs)
    shutil.rmtree(work / "looks", ignore_errors=True)
    return folders, wipe.empty_logs(data)


@dataclass(frozen=True, slots=True)
class House:
    """The state's folder ``data`` and the jobs' folder ``work``, and what opens the state."""

    store: Store
    data: Path
    work: Path
    secrets: Secrets
    keeper: Keeper
    log_out: Callable[[], Awaitable[None]]
    erased: Callable[[int], Awaitable[None]]
    """Told of a person of whom nothing is stored any more."""

    async def export(self, path: Path, person: int | None, now: float) -> dict[str, int]:
        """Do as `write_export` does. Raises MedusaError."""
        return await write_export(self.store, path, now, person)

    async def erase(self, person: int) -> Report:
        """Do as `erase` does. Raises UserError."""
        return await erase(self.store, self.data, self.work, person, self.erased)

    async def wipe(self) -> None:
        """Note that everything is to go, and end the login. Raises Erased, with which the process ends; see `wipe`."""
        wipe.intend(self.data)
        try:
            await self.log_out()
        except MedusaError as error:  # there is no way back any more: the next end or start would erase everything
            raise wipe.Erased(f"{wipe.STILL_IN.format(error.user_text)}\n{wipe.DONE}") from error
        raise wipe.Erased(wipe.DONE)

    def has_recovery(self) -> bool:
        """Whether recovery words open the state."""
        return "recovery" in keyring.kinds(self.data)

    async def rotate(self) -> Rotation:
        """Put the state under another data key. Raises MedusaError, and then the old one holds."""
        change = await asyncio.to_thread(keyring.rotation, self.data, self.secrets)  # scrypt takes its time
        await self.store.rewrite(change)
        return change
