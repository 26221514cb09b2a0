"""Writes a mixed stream of commands to Medusa, as an owner would, and knows what each is to lead to."""

import asyncio
import itertools
import random
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from medusa.model import JobState
from medusa.telegram.messages import units
from medusa.telegram.phone import MOST_UNITS
from tests.crash.outside import SAVED, World

DONE = frozenset({JobState.DONE})
FAILED = frozenset({JobState.FAILED})
CANCELLED = frozenset({JobState.CANCELLED, JobState.DONE})
"""A cancel that comes while the post is made comes too late."""
LONG = "A long story. " * 110
"""More than a caption may hold: all of it goes out as a second message."""
_HEADS = re.compile(r"(?m)^(\S) #(\d+)")
_BATCH = re.compile(r"\W*Batch (\d+)\b")
_LONG_ONES = ("hls", "batch")
BATCH = 50
"""Items of a batch unless another count is wanted, the dead, the doubled and the slow ones included."""
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Piece:
    """One job: the states it may end in, and the file of its post with the SHA-256 of its bytes, if that is known.

    ``again`` says that the same post was asked for before in the same chat: there is to be no second one.
    """

    ends: frozenset[JobState]
    name: str = ""
    digest: str | None = None
    again: bool = False


@dataclass(slots=True)
class Wish:
    """One command of the owner and the jobs it makes."""

    kind: str
    chat: int
    text: str
    pieces: Sequence[Piece]
    message_id: int = 0
    caption: str = ""
    """What the second message of its posts begins with, where there is to be one."""
    settled: bool = False


class Feed:
    """The owner. ``most`` is how many commands are under way at once, ``batch`` how many items a batch has."""

    def __init__(self, world: World, seed: int, kinds: Sequence[str] = (), most: int = 6, batch: int = BATCH) -> None:
        self.wishes: list[Wish] = []
        self.enough = False
        """Set to have no further stories begun."""
        self._world = world
        self._die = random.Random(seed)
        self._numbers = itertools.count(1)
        self._most = most
        self._batch_size = batch
        self._makers: dict[str, tuple[int, Callable[[str], Coroutine[Any, Any, None]]]] = {
            "video": (6, self._video),
            "big": (6, self._big),
            "plain": (2, self._plain),
            "clip": (4, self._clip),
            "several": (3, self._several),
            "long": (3, self._long),
            "again": (3, self._again),
            "dead": (2, self._dead),
            "pause": (3, self._pause),
            "cancel": (3, self._cancel),
            "hls": (1, self._hls),
            "batch": (1, self._batch),
        }
        self._kinds = list(kinds) or list(self._makers)

    @property
    def under_way(self) -> list[Wish]:
        """What is not settled yet."""
        return [wish for wish in self.wishes if not wish.settled]

    async def run(self) -> None:
        """Write one command after the other until it is enough, and see all stories to their ends."""
        async with asyncio.TaskGroup() as stories:
            for kind in self._order():
                await self.until(lambda: self.enough or len(self.under_way) < self._most)
                if self.enough:
                    return
                if kind in _LONG_ONES and any(wish.kind == kind for wish in self.under_way):
                    await asyncio.sleep(_LOOK)
                    continue  # it takes seconds without a break, and several would be in everybody's way
                stories.create_task(self._makers[kind][1](f"n{next(self._numbers)}"))
                await asyncio.sleep(self._die.uniform(0, 0.1))

    def _order(self) -> "itertools.chain[str]":
        """Every kind once, then kinds by their weight, without end."""
        weights = [self._makers[kind][0] for kind in self._kinds]
        return itertools.chain(self._kinds, (self._die.choices(self._kinds, weights)[0] for _ in itertools.count()))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look at what came of the commands until ``condition`` holds."""
        while True:
            self.look()
            if condition():
                return
            await asyncio.sleep(_LOOK)

    def look(self) -> None:
        """See which commands are settled: gone, or with an end for each of their jobs."""
        for wish in self.under_way:
            if wish.message_id:
                text = self._world.text(wish.chat, wish.message_id)
                if wish.kind == "batch":
                    wish.settled = text is None or text.startswith(("✓", "✗"))
                    continue
                heads = _HEADS.findall(text or "")
                ended = len(heads) == len(wish.pieces) and all(sign in "✓✗–" for sign, _ in heads)
                wish.settled = text is None or ended

    def _wish(self, kind: str, text: str, *pieces: Piece, chat: int | None = None, caption: str = "") -> Wish:
        wish = Wish(kind, self._place() if chat is None else chat, text, pieces, caption=caption)
        self.wishes.append(wish)
        wish.message_id = self._world.write(wish.chat, text)
        return wish

    def _place(self) -> int:
        return self._die.choice([SAVED, self._world.channel])

    def _piece(self, kind: str, name: str, ends: frozenset[JobState] = DONE) -> Piece:
        return Piece(ends, name, self._world.media.digest(kind, name))

    async def _video(self, name: str) -> None:
        self._one("video", f"{name}.mp4")

    async def _big(self, name: str) -> None:
        self._one("big", f"{name}.bin")

    async def _plain(self, name: str) -> None:
        self._one("plain", f"{name}.bin")

    def _one(self, kind: str, name: str) -> None:
        self._wish(kind, f"/dl {self._world.media.link(kind, name)}", self._piece(kind, name))

    async def _clip(self, name: str) -> None:
        """A video that is rewritten: what is posted is not what was fetched."""
        link = self._world.media.link("clip", f"{name}.mp4")
        self._wish("clip", f"/dl {link} -n {name}", Piece(DONE, f"{name}.mp4"))

    async def _hls(self, name: str) -> None:
        link = self._world.media.link("hls", name)
        self._wish("hls", f"/dl {link} -n {name}", Piece(DONE, f"{name}.mp4"))

    async def _several(self, name: str) -> None:
        files = [("note", f"{name}a.pdf"), ("video", f"{name}b.mp4"), ("note", f"{name}c.pdf")]
        links = " ".join(self._world.media.link(*file) for file in files)
        self._wish("several", f"/dl {links}", *(self._piece(*file) for file in files))

    async def _long(self, name: str) -> None:
        caption = f"{name} {LONG}"
        link = self._world.media.link("note", f"{name}.pdf")
        piece = self._piece("note", f"{name}.pdf")
        self._wish("long", f'/dl {link} -c "{caption}"', piece, caption=f"{name} ")

    async def _again(self, name: str) -> None:
        """A link that was posted before: into the same chat, where its post is pointed at, or into the other one."""
        known = [wish for wish in self.wishes if wish.kind in ("video", "big", "plain")]
        if not known:
            await self._video(name)
            return
        first = self._die.choice(known)
        chat = self._die.choice([SAVED, self._world.channel])
        posted = {(wish.chat, wish.text) for wish in self.wishes}
        [piece] = first.pieces
        again = Piece(DONE, piece.name, piece.digest, again=(chat, first.text) in posted)
        self._wish("again", first.text, again, chat=chat)

    async def _dead(self, name: str) -> None:
        self._wish("dead", f"/dl {self._world.media.link('dead', name)}.mp4", Piece(FAILED))

    async def _batch(self, name: str) -> None:
        """A list of small files with dead, doubled and slow ones between, in either kind of chat."""
        kinds = self._die.choices(
            ["note", "video", "dead", "again", "slow", "big"], [26, 12, 4, 5, 2, 1], k=self._batch_size
        )
        pieces: list[Piece] = []
        lines: list[str] = []
        for number, kind in enumerate(kinds, start=1):
            file = f"{name}-{number}.{'mp4' if kind == 'video' else 'bin' if kind == 'big' else 'pdf'}"
            line = f"{name}-{number}:{self._world.media.link(kind, file)}"
            piece = Piece(FAILED) if kind == "dead" else self._piece(kind, file) if kind != "again" else None
            if piece is None:
                earlier = [at for at, one in enumerate(pieces) if one.name]
                at = self._die.choice(earlier) if earlier else None
                if at is None:
                    continue
                piece, line = pieces[at], lines[at]
            pieces.append(piece)
            lines.append(line)
        wish = await self._list("\n".join(lines), pieces)
        while (planned := _BATCH.match(self._world.text(wish.chat, wish.message_id) or "")) is None:
            await asyncio.sleep(_LOOK)
        self._world.write(SAVED, f"/batch {planned[1]} go")

    async def _list(self, lines: str, pieces: Sequence[Piece]) -> Wish:
        """Ask for a batch of these lines: as a text where one message holds them, else as a file."""
        text = f"/batch\n{lines}"
        if units(text) <= MOST_UNITS:
            return self._wish("batch", text, *pieces)
        wish = Wish("batch", self._place(), "/batch", pieces)
        self.wishes.append(wish)
        wish.message_id = await self._world.hand(wish.chat, wish.text, lines)
        return wish

    async def _pause(self, name: str) -> None:
        """A big file that is paused on its way and resumed a little later."""
        number = await self._started("pause", name, DONE)
        self._world.write(SAVED, f"/pause {number}")
        await asyncio.sleep(self._die.uniform(0, 3))
        self._world.write(SAVED, f"/resume {number}")

    async def _cancel(self, name: str) -> None:
        number = await self._started("cancel", name, CANCELLED)
        self._world.write(SAVED, f"/cancel {number}")

    async def _started(self, kind: str, name: str, ends: frozenset[JobState]) -> int:
        """The number of a new job for a big file, as soon as Medusa has said it, and a little later."""
        file = f"{name}.bin"
        link = self._world.media.link("big", file)
        wish = self._wish(kind, f"/dl {link}", self._piece("big", file, ends), chat=SAVED)
        heads: list[tuple[str, str]] = []
        while not heads:
            await asyncio.sleep(_LOOK)
            heads = _HEADS.findall(self._world.text(SAVED, wish.message_id) or "")
        await asyncio.sleep(self._die.uniform(0, 1))
        return int(heads[0][1])
