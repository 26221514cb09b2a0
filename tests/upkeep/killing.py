"""A process that works on a state and is killed at a time that is drawn, and what must hold after that."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from medusa.care import wipe
from medusa.care.keeper import Keeper
from medusa.model import JobState, Order
from medusa.settings import Settings
from medusa.storage import Store, keyring, open_store
from medusa.storage.erasing import erase_person
from medusa.storage.jobs import Jobs
from medusa.storage.keyring import Secrets
from medusa.storage.rewriting import DRAFT
from medusa.storage.settings import StoredSettings

PERSON, OTHER = 1001, 1002
ACTS = ("rotate", "erase", "rewrite", "sweep")


async def fill(folder: Path, now: float) -> None:
    """As many jobs for both, where there are none."""
    async with open_store(folder) as store:
        for person in (PERSON, OTHER):
            jobs = await Jobs(store).add([Order(f"https://example.org/{n}") for n in range(150)], person, 1, now)
            for job in jobs:
                if job.state is JobState.QUEUED:
                    await Jobs(store).save(replace(job, state=JobState.DONE, ended=now, told=True))


async def act(folder: Path, name: str) -> None:
    """Change the whole state."""
    async with open_store(folder) as store:
        if name == "rotate":
            await store.rewrite(keyring.rotation(folder, Secrets()))
        elif name == "erase":
            await erase_person(store, PERSON)
            wipe.empty_logs(folder)
            await store.rewrite()
        elif name == "rewrite":
            await store.rewrite()
        else:
            keeper = _keeper(store, folder)
            keeper.worth = 1
            await keeper.sweep(time.time() + 100)


def _keeper(store: Store, folder: Path) -> Keeper:
    async def send(path: Path, name: str) -> None:
        raise AssertionError("nothing is to be sent")

    return Keeper(store, Settings(StoredSettings(store)), send, lambda: True, folder / "scratch", pause=0)


async def look(folder: Path) -> list[str]:
    """What is wrong with the state; the next start has to mend what was cut short."""
    wrong = []
    async with open_store(folder) as store:
        counts: dict[int, int] = dict(await store.read("SELECT chat_id, count(*) FROM jobs GROUP BY chat_id"))
        if counts.get(OTHER) != 150:
            wrong.append(f"{counts.get(OTHER)} rows of somebody else")
        if counts.get(PERSON, 0) not in (0, 150):
            wrong.append(f"{counts[PERSON]} rows of an erased person")
        if await store.read("PRAGMA integrity_check") != [("ok",)] or await store.read("PRAGMA foreign_key_check"):
            wrong.append("it does not fit together")
    if (folder / DRAFT).exists() or "next" in (folder / "medusa.keys").read_text():
        wrong.append("something is left of what was cut short")
    return wrong


def kill_once(folder: Path, name: str, after: float) -> bool:
    """Have another process do it, and kill that after so many seconds; whether it was still at work."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.run(act(folder, name))
            code = 0
        finally:
            os._exit(code)
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def campaign(folder: Path, kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Kill so many times; returns how often it was at work for each act, and what was wrong."""
    draw, met, wrong = random.Random(seed), Counter[str](), list[str]()
    spans: dict[str, float] = {}
    for number in range(kills):
        asyncio.run(fill(folder, time.time()))
        name = ACTS[number % len(ACTS)]
        if name not in spans:
            began = time.monotonic()
            asyncio.run(act(folder, name))
            spans[name] = time.monotonic() - began
            asyncio.run(fill(folder, time.time()))
        if kill_once(folder, name, draw.uniform(0, 1.2 * spans[name])):
            met[name] += 1
        wrong += [f"kill {number} ({name}): {one}" for one in asyncio.run(look(folder))]
    return met, wrong
