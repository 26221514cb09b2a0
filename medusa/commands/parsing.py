"""Takes a command's text apart into words and options."""

import re
import time
from collections import deque
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from medusa.commands import Option
from medusa.errors import UserError
from medusa.intervals import seconds
from medusa.model import Priority
from medusa.names import brief, quoted

_TOKEN = re.compile(
    r"""
    (?P<flag> (?:--?)?[\w-]+= )?
    (?: "(?P<double> [^"]* )(?:"|\Z)          # a quote that is never closed runs to the end
      | '(?P<single> [^']* )'(?=\s|$)
      | (?P<bare> \S+ ) )
    """,
    re.VERBOSE,
)
_TYPED_FOR_US = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_DASHES = re.compile(r"^[—–](?=\w)")
_RANGE = re.compile(r"#?(\d{1,18})(?:[-–—]#?(\d{1,18}))?")
MOST_NUMBERS = 10_000
FURTHEST = 366 * 86400.0
"""Seconds; what is put off further than this is taken for a slip."""


def tokens(text: str) -> list[tuple[str, bool]]:
    """The words of a text, each with whether it was quoted; quotes group as in a shell, where they start a word.

    Phones turn ``--`` into a dash and ``"`` into curly quotes; both are understood.
    """
    found: list[tuple[str, bool]] = []
    for match in _TOKEN.finditer(text.translate(_TYPED_FOR_US)):
        inside = match["double"] if match["double"] is not None else match["single"]
        if inside is not None:
            flag = match["flag"] or ""
            found.append((flag + inside, not flag))
        else:
            found.append((_DASHES.sub("--", match[0]), False))
    return found


def split_options(text: str, options: Sequence[Option]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Words and options of a command's text; options may stand anywhere.

    Raises UserError for an unknown option (naming the nearest) and for one that lacks its value.
    """
    known = {flag: option for option in options for flag in option.flags}
    words: list[str] = []
    values: dict[str, str] = {}
    rest = deque(tokens(text))
    while rest:
        token, in_quotes = rest.popleft()
        if in_quotes or not re.match(r"--?[^\W\d]", token):
            words.append(token)
            continue
        flag, equals, value = token.partition("=")
        option = known.get(flag)
        if option is None:
            raise UserError(_unknown(flag, known))
        if option.takes and not equals and rest and (not option.like or re.fullmatch(option.like, rest[0][0])):
            value = rest.popleft()[0]
        if option.takes and not value and not option.like:
            raise UserError(f"{flag} takes a value: {option.takes}.")
        value = value if option.takes and value else "on"
        before = f"{values[option.name]}\n" if option.many and option.name in values else ""
        values[option.name] = before + value
    return tuple(words), values


def names_secret(text: str, options: Sequence[Option]) -> bool:
    """Whether the text holds, wherever it may stand, one of the options that take secrets."""
    flags = {flag for option in options if option.secret for flag in option.flags}
    return any(token.partition("=")[0] in flags for token, _ in tokens(text))


def parts(text: str) -> set[str]:
    """All that a text consists of, without the quotes around it."""
    return {part for token, _ in tokens(text) for part in re.split(r"[\s=]+", token)}


def _unknown(flag: str, known: Iterable[str]) -> str:
    near = get_close_matches(flag, [*known, "--help"], n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no option {brief(flag)} here.{hint}"


def numbers(words: Sequence[str]) -> list[int]:
    """Job numbers, each once, from words such as ``3``, ``#3``, ``1,4-6``. Raises UserError for anything else.

    Words without any number are refused, too: without words, a command looks for a job itself.
    """
    found: dict[int, None] = {}
    for part in (part for word in words for part in word.split(",") if part):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise _no_number(part)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"{quoted(part)} runs backwards; write {last}-{first}.")
        if last - first + len(found) >= MOST_NUMBERS:
            raise UserError(f"{quoted(part)} names too many jobs at once; name at most {MOST_NUMBERS}.")
        found.update(dict.fromkeys(range(first, last + 1)))
    if words and not found:
        raise _no_number(" ".join(words))
    return list(found)


def _no_number(text: str) -> UserError:
    return UserError(f"{quoted(text)} is no job number. Numbers look like 3, 1,4 or 2-5.")


def priority(word: str) -> Priority:
    """The priority that a word names, also by its beginning. Raises UserError."""
    found = [one for one in Priority if word and one.startswith(word.lower())]
    if not found:
        raise UserError(f"{quoted(word)} is no priority; it is high, normal or low.")
    return found[0]


def moment(text: str, now: float) -> float:
    """The Unix time that is meant by ``18:30`` (the next one), ``2026-12-01 07:00`` or ``+2h``, as seen at ``now``.

    Clock times are those of this machine. Raises UserError for anything else, for the past and for the far future.
    """
    at = _moment(text.strip(), now)
    if at is None:
        raise UserError(f"{quoted(text)} is no time. Write 18:30, 2026-12-01 07:00, or +2h (d, h, m).")
    if at <= now:
        raise UserError(f"{brief(text)} has passed already.")
    if at > now + FURTHEST:
        raise UserError(f"{brief(text)} is more than a year away.")
    return at


def _moment(text: str, now: float) -> float | None:
    day, _, clock = text.replace("T", " ").rpartition(" ")
    try:
        if text.startswith("+"):
            return now + seconds(text[1:])
        at = time.strptime(f"{day or time.strftime('%Y-%m-%d', time.localtime(now))} {clock}", "%Y-%m-%d %H:%M")
        passed = not day and time.mktime(at) <= now
        return time.mktime((*at[:2], at.tm_mday + passed, *at[3:]))
    except (ValueError, OverflowError):
        return None
