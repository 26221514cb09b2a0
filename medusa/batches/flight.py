"""Looks at the links of a batch before anything is fetched, and says what is to be expected."""

import asyncio
import math
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from medusa.errors import MedusaError, Transient, first_of
from medusa.model import Order
from medusa.sources.described import Description
from medusa.words import size as shown
from medusa.words import span

AT_ONCE = 6
PER_HOST = 2
LOOK_FOR = 120.0
"""Seconds after which no further link is looked at; the rest is estimated by what was seen."""
_COPIES = 2
"""How many times a file that is not streamed may stand on the disk."""
_MOST_NAMED = 5

Ask = Callable[[Order], Awaitable[Description]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at one link has told: its kind, bytes (None: unknown), whether it is streamed, or why it is dead."""

    kind: str = ""
    size: int | None = None
    streams: bool = False
    dead: str = ""


@dataclass(slots=True)
class Flight:
    """The plan of a batch as far as it is known; places count from 1 on.

    ``posted`` says where what was posted before stands, ``limit`` is the most bytes that one post may have, ``at_once``
    how many jobs fetch together, ``kept_at_once`` how many may have files on the disk, and ``rate`` bytes a second that
    a job was measured to take, None when none was.
    """

    links: tuple[str, ...]
    posted: dict[int, str]
    limit: int
    at_once: int
    kept_at_once: int
    rate: float | None
    seen: dict[int, Seen] = field(default_factory=dict)

    @property
    def dead(self) -> list[int]:
        """The places whose links lead nowhere."""
        return sorted(place for place, one in self.seen.items() if one.dead)

    @property
    def doubled(self) -> int:
        """How many links stand there again."""
        return len(self.links) - len(set(self.links))

    @property
    def known(self) -> list[int]:
        """The sizes that are known."""
        return [one.size for one in self.seen.values() if one.size is not None]

    def guess(self, kind: str = "") -> float:
        """The size of what was not looked at, or told none: the mean of the others of its kind, or of all."""
        alike = [one.size for one in self.seen.values() if one.size is not None and one.kind == kind]
        sizes = alike or self.known
        return sum(sizes) / len(sizes) if sizes else 0.0

    def _sizes(self, guess: Callable[[str], float]) -> list[tuple[float, bool]]:
        """The size of each file that is not dead, known or guessed by its kind, and whether it may go unkept."""
        alive = [one for one in self.seen.values() if not one.dead]
        told = [(guess(one.kind) if one.size is None else float(one.size), one) for one in alive]
        unseen = [(guess(""), False)] * (len(self.links) - len(self.seen))
        return [*((size, one.streams and size <= self.limit) for size, one in told), *unseen]

    @property
    def total(self) -> float:
        """Bytes in all, known and estimated."""
        return sum(size for size, _ in self._sizes(self.guess))

    @property
    def splits(self) -> int:
        """How many parts there will be of files that are too big for one post."""
        return sum(math.ceil(size / self.limit) for size in self.known if size > self.limit)

    @property
    def peak(self) -> float:
        """Bytes of the disk that are taken at most: by the biggest that may be at work together, not streamed.

        What tells no size is taken to be as big as the biggest that does: a mean is no bound, and a full disk is worse
        than a careful word.
        """
        biggest = max(self.known, default=0)
        kept = [size for size, streams in self._sizes(lambda _: biggest) if not streams]
        return _COPIES * sum(sorted(kept, reverse=True)[: self.kept_at_once])

    def lines(self) -> list[str]:
        """The plan in words."""
        kinds = Counter(one.kind for one in self.seen.values() if not one.dead)
        found = [", ".join(f"{count} × {kind}" for kind, count in kinds.most_common())] if kinds else []
        unseen = len(self.links) - len(self.seen)
        found += [f"{unseen} not looked at; estimated by the others"] if unseen else []
        if self.dead:
            named = [f"{place} ({self.seen[place].dead})" for place in self.dead[:_MOST_NAMED]]
            found.append(f"{len(self.dead)} dead: {', '.join(named)}{', …' if len(self.dead) > _MOST_NAMED else ''}")
        found += [f"{self.doubled} of the links stand there more than once; they are sent once"] if self.doubled else []
        if self.posted:
            named = [f"{place} {where}".strip() for place, where in sorted(self.posted.items())[:_MOST_NAMED]]
            found.append(f"{len(self.posted)} posted before, sent again without their bytes: {', '.join(named)}")
        return [*found, *self._amounts()]

    def _amounts(self) -> list[str]:
        if not self.total:
            return []
        unknown = len(self.links) - len(self.dead) - len(self.known)
        about = f", {unknown} of them estimated" if unknown else ""
        parts = [f"{shown(self.total)} in all{about}", f"at most {shown(self.peak)} on the disk at once"]
        parts += [f"{self.splits} parts of what is over {shown(self.limit)}"] if self.splits else []
        parts += [f"about {span(self.total / (self.rate * self.at_once))}"] if self.rate else []
        return [" · ".join(parts)]


async def survey(
    flight: Flight, orders: Sequence[Order], ask: Ask, told: Callable[[], Awaitable[None]], within: float = LOOK_FOR
) -> None:
    """Look at all links, few at once and fewer at one host; ``told`` is awaited after each look.

    What cannot be told now, since its site is busy or time is up, is left out.
    """
    hosts = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(PER_HOST))
    until = time.monotonic() + within
    answers: dict[str, Seen | None] = {}
    left = iter(enumerate(orders, start=1))

    async def look() -> None:
        for place, order in left:
            async with hosts[order.host]:
                if order.link not in answers and time.monotonic() < until:
                    answers[order.link] = await _seen(order, ask, until - time.monotonic())
            found = answers.get(order.link)
            if found is not None:
                flight.seen[place] = found
                await told()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(look())
    except ExceptionGroup as errors:
        raise first_of(errors) from errors


async def _seen(order: Order, ask: Ask, within: float) -> Seen | None:
    try:
        async with asyncio.timeout(within):
            found = await ask(order)
    except (TimeoutError, Transient):
        return None
    except MedusaError as error:
        if error.fatal:
            raise
        return Seen(dead=error.user_text.partition("\n")[0])
    size = found.size if found.size is not None else found.taken.size if found.taken else None
    kind = _kind(found.kind)
    # Of a video it is known only when it comes whether it has to be made to play.
    return Seen(kind, size, streams=found.resumable is not None and kind != "video")


def _kind(kind: str) -> str:
    """A word for the kind of a file: the first half of its type, where it is one that people know."""
    head = kind.partition("/")[0]
    return head if head in ("video", "audio", "image") else "file" if "/" in kind else kind
