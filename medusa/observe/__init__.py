"""Log and metrics: what can be seen of Medusa, and what must not be, since every known secret is blotted out."""

import re
from bisect import bisect_left
from collections.abc import Iterable

_BLOT = "[secret]"
SHORTEST_SECRET = 6
"""Characters below which a secret is not looked for: blotting out ``1`` would make the log unreadable."""
_CUT = re.compile(r"(?:…|\.[A-Za-z0-9]{1,10})+\Z")
"""What stands behind a text that was cut: an ellipsis, the ending of a file's name."""
_LONGEST_TAIL = 40
"""Characters at the end of a text in which that is looked for."""


class Redactor:
    """Blots out secrets in finished texts, wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._all: set[str] = set()
        self._alike: dict[str, list[str]] = {}
        """Those that begin alike, in alphabetical order."""
        self._lengths: dict[str, list[int]] = {}
        """How long those can be, the longest first."""
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Blot out these, too, also as Python writes them where they stand among others, with their quotes escaped."""
        forms = (form for secret in secrets for form in (secret, repr(secret)[1:-1]))
        new = {form for form in forms if len(form) >= SHORTEST_SECRET} - self._all
        self._all |= new
        for secret in new:
            self._alike.setdefault(secret[:SHORTEST_SECRET], []).append(secret)
        for start in {secret[:SHORTEST_SECRET] for secret in new}:
            self._alike[start].sort()
            self._lengths[start] = sorted(set(map(len, self._alike[start])), reverse=True)

    def clean(self, text: str) -> str:
        """``text`` without the secrets, and without the beginning of one at its end, where it may have been cut.

        The time that it takes does not grow with the number of secrets.
        """
        if not self._all:
            return text
        tail = text[-_LONGEST_TAIL:]
        end = len(text) - len(tail) + len(_CUT.sub("", tail))
        pieces, done, at = [], 0, 0
        while at <= len(text) - SHORTEST_SECRET:
            behind = self._behind(text, at, end)
            if behind > at:
                pieces += [text[done:at], _BLOT]
                done = behind
            at = max(behind, at + 1)
        return "".join([*pieces, text[done:]])

    def _behind(self, text: str, at: int, end: int) -> int:
        """Where the secret ends that begins here, by ``end`` at the latest if it was cut there; ``at`` for none."""
        start = text[at : at + SHORTEST_SECRET]
        lengths = self._lengths.get(start)
        if lengths is None:
            return at
        for length in lengths:
            if text[at : at + length] in self._all:
                return at + length
        alike, rest = self._alike[start], text[at:end]
        place = bisect_left(alike, rest) if SHORTEST_SECRET <= len(rest) <= lengths[0] else len(alike)
        return end if place < len(alike) and alike[place].startswith(rest) else at


_known = Redactor()


def hide(secrets: Iterable[str]) -> None:
    """Blot out these from now on: in the log, and in every text that `clean` is given."""
    _known.add(secrets)


def clean(text: str) -> str:
    """``text`` without any secret that is known."""
    return _known.clean(text)
