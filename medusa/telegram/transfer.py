"""Sends files to Telegram in parts: one reader, a bounded queue, several connections with several parts in flight."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
from telethon import errors as rpc
from telethon.tl import functions, types

from medusa.errors import MedusaError, Transient, UserError
from medusa.model import Progress, Report
from medusa.patience import to_the_end
from medusa.telegram.errors import BROKEN_CONNECTION, FOREVER, translate
from medusa.telegram.lanes import Lanes
from medusa.telegram.messages import new_random_id
from medusa.telegram.parts import PART_SIZE, Ledger

log = structlog.get_logger()

LANES = 4
"""Connections of one upload, TDLib's number (https://github.com/tdlib/td)."""
IN_FLIGHT = 2
"""Parts under way on each connection."""
PART_TRIES = 8
"""Failures in a row of one part before the upload is put off."""
SAVE_EVERY = 30.0
"""Seconds between two notes of the confirmed parts, to spare the disk."""

Save = Callable[[Ledger], Coroutine[Any, Any, None]]


def new_ledger(path: Path) -> Ledger:
    """A ledger for an upload of the file at ``path`` from its first part on."""
    return Ledger(new_random_id(), path.stat().st_size)


async def nothing_to_save(_: Ledger) -> None:
    """A ``save`` for uploads that are too small to be worth resuming."""


class Uploader:
    """Uploads files over the lanes that it is given."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def upload(self, path: Path, name: str, ledger: Ledger, report: Report, save: Save = nothing_to_save) -> Any:
        """Send the parts that ``ledger`` misses and return Telethon's InputFile or InputFileBig.

        ``save`` is called now and then, and when the upload stops for whatever reason, so that it can go on later.
        Raises Transient when a part fails again and again, UserError when the file is not what the ledger says.
        """
        upload = _Upload(self._lanes, path, ledger, report, save)
        try:
            await upload.run()
        finally:
            try:
                await to_the_end(save(ledger))
            except MedusaError as error:
                log.warning("upload.not_saved", reason=error.user_text)
        if ledger.big:
            return types.InputFileBig(ledger.file_id, ledger.parts, name)
        digest = await asyncio.to_thread(_md5, path)
        return types.InputFile(ledger.file_id, ledger.parts, name, digest)


class _Upload:
    """One upload under way."""

    def __init__(self, lanes: Lanes, path: Path, ledger: Ledger, report: Report, save: Save) -> None:
        self._lanes = lanes
        self._path = path
        self._ledger = ledger
        self._report = report
        self._save = save
        self._saved_at = time.monotonic()
        self._done = ledger.confirmed_bytes()
        self._queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(maxsize=IN_FLIGHT)

    async def run(self) -> None:
        missing = list(self._ledger.missing())
        workers = min(LANES * IN_FLIGHT, len(missing))
        async with self._lanes.in_use():
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._read(missing, workers))
                    for worker in range(workers):
                        group.create_task(self._work(worker % LANES))
            except ExceptionGroup as errors:
                raise _first(errors) from errors

    async def _read(self, parts: list[int], workers: int) -> None:
        descriptor = await asyncio.to_thread(os.open, self._path, os.O_RDONLY)
        try:
            for part in parts:
                data = await asyncio.to_thread(os.pread, descriptor, PART_SIZE, part * PART_SIZE)
                if len(data) != self._ledger.length(part):
                    raise UserError("The file changed while it was being uploaded. Send the link again.")
                await self._queue.put((part, data))
            for _ in range(workers):
                await self._queue.put(None)
        finally:
            os.close(descriptor)

    async def _work(self, lane: int) -> None:
        while (item := await self._queue.get()) is not None:
            part, data = item
            await self._deliver(lane, part, self._request(part, data))
            self._ledger.confirm(part)
            self._done += len(data)
            self._report(Progress(self._done, self._ledger.size))
            await self._save_sometimes()

    def _request(self, part: int, data: bytes) -> Any:
        ledger = self._ledger
        if ledger.big:
            return functions.upload.SaveBigFilePartRequest(ledger.file_id, part, ledger.parts, data)
        return functions.upload.SaveFilePartRequest(ledger.file_id, part, data)

    async def _deliver(self, number: int, part: int, request: Any) -> None:
        """Send one part until Telegram has it; a flood wait is obeyed and is no failure."""
        failures = 0
        while failures < PART_TRIES:
            lane = None
            try:
                lane = await self._lanes.lane(number)
                await lane.send(request)
            except (rpc.FloodWaitError, rpc.FloodPremiumWaitError) as flood:
                log.info("upload.flood", part=part, seconds=flood.seconds)
                self._report(Progress(self._done, self._ledger.size, f"Telegram asks to wait {flood.seconds} s"))
                await asyncio.sleep(flood.seconds or 1)
            except (rpc.ServerError, *BROKEN_CONNECTION) as error:
                failures += 1
                log.info("upload.part_failed", part=part, failures=failures, error=type(error).__name__)
                if lane is not None and not isinstance(error, rpc.ServerError):
                    await self._lanes.drop(number, lane)
                await asyncio.sleep(min(8.0, 0.1 * 2**failures))
            except rpc.RPCError as error:
                raise translate(error) from error
            else:
                return
        raise Transient("The upload broke off again and again; what Telegram has is kept.", after=10, tries=FOREVER)

    async def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved_at >= SAVE_EVERY:
            self._saved_at = time.monotonic()
            await self._save(self._ledger)


def _first(error: Exception) -> Exception:
    """The first error of a group; the others are its echoes."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _md5(path: Path) -> str:
    """The MD5 sum that small files carry (https://core.telegram.org/constructor/inputFile); no matter of security."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
