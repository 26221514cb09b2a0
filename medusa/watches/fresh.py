"""Tells which items of a list are new since it was last looked at."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from medusa.sources.described import Entry


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a list, in its order: from its beginning on, up to its end (``tail``), or all of it (``whole``)."""

    entries: tuple[Entry, ...]
    whole: bool
    tail: bool = False

    def meets(self, seen: Collection[str]) -> bool:
        """Whether something known is among it, so that nothing new lies beyond."""
        return any(entry.key in seen for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Fresh:
    """The ``new`` items, the oldest first, and ``old`` ones that only came into sight since others have gone.

    ``at_end`` says that of a whole list, something new stands behind what is known.
    """

    new: tuple[Entry, ...]
    old: tuple[Entry, ...] = ()
    at_end: bool = False


def fresh(window: Window, seen: Collection[str], *, tail: bool) -> Fresh:
    """What of a part of a list is not among the ``seen`` keys; ``tail``: its newest items stand at its end.

    Lists have new items at one of their ends. What comes into sight at the other end of the part is old: it has moved
    up because something else was taken away.
    """
    known = [place for place, entry in enumerate(window.entries) if entry.key in seen]
    unseen = [(place, entry) for place, entry in enumerate(window.entries) if entry.key not in seen]
    if not known:
        return Fresh(in_order([entry for _, entry in unseen], tail=tail or window.tail))
    before = [entry for place, entry in unseen if place < known[-1]]
    behind = [entry for place, entry in unseen if place > known[-1]]
    if window.whole:
        return Fresh((*in_order(before, tail=tail), *in_order(behind, tail=True)), at_end=bool(behind))
    if window.tail:
        ahead = [entry for place, entry in unseen if place < known[0]]
        return Fresh(in_order([entry for place, entry in unseen if place > known[0]], tail=True), tuple(ahead))
    return Fresh(in_order(before, tail=tail), tuple(behind))


def in_order(entries: Sequence[Entry], *, tail: bool) -> tuple[Entry, ...]:
    """Items of a list, the oldest first: by their dates where all have one, else by where the newest stand."""
    found = list(entries) if tail else list(entries)[::-1]
    if all(entry.published for entry in found):
        found.sort(key=lambda entry: entry.published)
    return tuple(found)


def ascends(entries: Sequence[Entry]) -> bool:
    """Whether the dates of a list say that its newest items stand at its end."""
    dates = [entry.published for entry in entries if entry.published]
    return len(dates) > 1 and dates[0] < dates[-1] and dates == sorted(dates)
