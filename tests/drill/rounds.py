"""One round of the drill: jobs → backup to Telegram → more jobs → everything is lost → restore → the queue goes on."""

import asyncio
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash.outside import SAVED, World
from tests.crash.processes import Medusa

PATIENCE = 60.0
_QUIET = 1.5
"""Seconds after the end in which a second post would be made."""
_KEY = re.compile(r"(?:[A-Z2-7]{4}-){13}[A-Z2-7]{4}")
_BAD = re.compile(r"Traceback|job\.broken|command\.broken|\[error|\[critical")
_KINDS = (("note", "pdf"), ("note", "pdf"), ("video", "mp4"), ("big", "bin"))
_STEPS = (
    "upload.saveFilePart",
    "messages.uploadMedia",
    "messages.sendMedia",
    "messages.getMessages",
    "upload.getFile",
    "messages.search",
)
"""The calls that a backup makes, at each of which it dies."""


@dataclass(slots=True)
class Verdict:
    """What came of the rounds: blows by what they met, and lines about what was lost, doubled or wrong."""

    blows: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    posts: int = 0
    found: int = 0
    """Posts that were made after the backup and found again."""


class Round:
    """A round in a world of its own, drawn with ``die``."""

    def __init__(self, world: World, die: random.Random, verdict: Verdict) -> None:
        self._world = world
        self._die = die
        self._verdict = verdict
        self._known: list[str] = []
        """Files that were asked for before the backup."""
        self._later: list[str] = []
        self._key = ""

    async def run(self) -> None:
        """Do all of it, and judge."""
        medusa = await self._ready()
        await self._learn_the_key()
        self._ask(self._known, self._die.randint(3, 6))
        await asyncio.sleep(self._die.uniform(0, 0.6))
        medusa = await self._backed_up(medusa)
        self._ask(self._later, self._die.randint(0, 2))
        await asyncio.sleep(self._die.uniform(0, 1.5))
        await self._end(medusa, kill=True)
        shutil.rmtree(self._world.state)
        shutil.rmtree(self._world.work)
        await self._restored()
        medusa = await self._going_on()
        await self._until(
            lambda: all(self._posts()[name] for name in self._known),
            lambda: f"of {self._known} there is only {self._posts()}",
        )
        await asyncio.sleep(_QUIET)
        self._verdict.found += sum("restored.stands" in line for line in medusa.lines)
        await self._end(medusa, kill=False)
        self._judge()

    def _ask(self, names: list[str], count: int) -> None:
        for _ in range(count):
            kind, extension = self._die.choice(_KINDS)
            name = f"d{self._die.randrange(10**9)}.{extension}"
            names.append(name)
            chat = self._die.choice([SAVED, SAVED, self._world.channel])
            to = "" if chat == SAVED else f" --to {chat}"
            self._world.write(SAVED, f"/dl {self._world.media.link(kind, name)}{to}")

    async def _ready(self) -> Medusa:
        medusa = await self._world.start()
        async with asyncio.timeout(PATIENCE):
            await medusa.ready.wait()
        return medusa

    async def _learn_the_key(self) -> None:
        asked = self._world.write(SAVED, "/backup key")
        await self._until(lambda: _KEY.search(self._said(asked)) is not None, lambda: "the key is not shown")
        found = _KEY.search(self._said(asked))
        self._key = found[0] if found else ""

    async def _backed_up(self, medusa: Medusa) -> Medusa:
        """Have a backup made, which dies on the way and is made again by the next start."""
        asked = self._world.write(SAVED, "/backup to me")
        while (step := self._die.choice([*_STEPS, None, None])) is not None:
            self._verdict.blows[f"backup, {step}"] += 1
            await self._killed_at(medusa, step)
            medusa = await self._ready()
        await self._until(lambda: self._said(asked).startswith("✓ Backup"), lambda: f"no backup: {self._said(asked)}")
        return medusa

    async def _killed_at(self, medusa: Medusa, method: str) -> None:
        """Kill it at a call, before it, after it or later; or soon, when it makes no such call."""
        loop, faults = asyncio.get_running_loop(), self._world.telegram.faults
        late = self._die.choice([0.0, 0.0, self._die.uniform(0, 0.05)])

        def strikes(_request: object) -> bool:
            loop.call_later(late, medusa.kill)
            return False

        faults.drop(method, executed=True, times=1, when=strikes)
        try:
            await asyncio.wait_for(medusa.gone.wait(), 1.5)
        except TimeoutError:
            medusa.kill()
        finally:
            faults.clear()
        self._hear(medusa, await self._world.zygote.reap(medusa))

    async def _restored(self) -> None:
        """Restore, killed at any moment of it, until one is left alone."""
        for _ in range(self._die.choice([0, 1, 1, 2])):
            self._verdict.blows["restore, at any time"] += 1
            medusa = await self._restoring("--replace")
            delay = self._die.uniform(0, 1.2)
            done, _ = await asyncio.wait({asyncio.ensure_future(medusa.gone.wait())}, timeout=delay)
            if not done:
                medusa.kill()
            self._hear(medusa, await self._world.zygote.reap(medusa))
        medusa = await self._restoring("--replace")
        async with asyncio.timeout(PATIENCE):
            await medusa.gone.wait()
        code = await self._world.zygote.reap(medusa)
        self._hear(medusa, code)
        if code:
            raise RuntimeError("it is not restored:\n" + "\n".join(medusa.lines))

    async def _restoring(self, *options: str) -> Medusa:
        return await self._world.start("restore", "latest", *options, MEDUSA_BACKUP_KEY=self._key)

    async def _going_on(self) -> Medusa:
        """Start what was restored, killed while it starts or goes on, and have its jobs go on."""
        for _ in range(self._die.choice([0, 1, 2])):
            self._verdict.blows["the restored one, at any time"] += 1
            medusa = await self._world.start()
            await asyncio.sleep(self._die.uniform(0, 0.6))
            await self._end(medusa, kill=True)
        medusa = await self._ready()
        before = self._posts()
        await asyncio.sleep(0.3)
        if self._posts() != before:
            self._verdict.wrong.append("it goes on although nobody has said so")
        self._world.write(SAVED, "/resume all")
        if self._die.random() < 0.5:
            self._verdict.blows["the restored one, going on"] += 1
            await asyncio.sleep(self._die.uniform(0.05, 0.8))
            await self._end(medusa, kill=True)
            medusa = await self._ready()
            self._world.write(SAVED, "/resume all")
        return medusa

    async def _end(self, medusa: Medusa, *, kill: bool) -> None:
        if kill:
            medusa.kill()
        elif not medusa.gone.is_set():
            medusa.end()
        self._hear(medusa, await self._world.zygote.reap(medusa))

    def _hear(self, medusa: Medusa, code: int) -> None:
        if any(_BAD.search(line) for line in medusa.lines) or (code and not medusa.killed):
            self._verdict.wrong.append(f"exit code {code}, having said:\n" + "\n".join(medusa.lines[-40:]))

    def _judge(self) -> None:
        posts = self._posts()
        self._verdict.posts += posts.total()
        self._verdict.lost += [name for name in self._known if not posts[name]]
        self._verdict.doubled += [f"{name}: {count} posts" for name, count in posts.items() if count > 1]

    def _posts(self) -> Counter[str]:
        """How often each file stands in the chats, by the name that it was given."""
        world, found = self._world, Counter[str]()
        for chat in (SAVED, world.channel):
            for message in world.messages(chat):
                document = getattr(getattr(message, "media", None), "document", None)
                for one in getattr(document, "attributes", ()):
                    name = getattr(one, "file_name", "")
                    if name in self._known or name in self._later:
                        found[name] += 1
        return found

    def _said(self, message_id: int) -> str:
        return self._world.text(SAVED, message_id) or ""

    async def _until(self, condition: Callable[[], bool], words: Callable[[], str]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise RuntimeError(words()) from None
