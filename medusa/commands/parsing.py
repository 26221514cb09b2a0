"""Takes a command's text apart into words and options."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from medusa.commands import Option
from medusa.errors import UserError

_TOKEN = re.compile(
    r"""
    (?P<flag> --?[\w-]+= )?
    (?: "(?P<double> [^"]* )(?:"|\Z)          # a quote that is never closed runs to the end
      | '(?P<single> [^']* )'(?=\s|$)
      | (?P<bare> \S+ ) )
    """,
    re.VERBOSE,
)
_TYPED_FOR_US = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_DASHES = re.compile(r"^[—–](?=\w)")
_RANGE = re.compile(r"#?(\d{1,9})(?:-#?(\d{1,9}))?")
MOST_NUMBERS = 10_000


def tokens(text: str) -> list[tuple[str, bool]]:
    """The words of a text, each with whether it was quoted; quotes group as in a shell, where they start a word.

    Phones turn ``--`` into a dash and ``"`` into curly quotes; both are understood.
    """
    found: list[tuple[str, bool]] = []
    for match in _TOKEN.finditer(text.translate(_TYPED_FOR_US)):
        quoted = match["double"] if match["double"] is not None else match["single"]
        if quoted is not None:
            flag = match["flag"] or ""
            found.append((flag + quoted, not flag))
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
    rest = iter(tokens(text))
    for token, quoted in rest:
        if quoted or not re.match(r"--?[^\W\d]", token):
            words.append(token)
            continue
        flag, equals, value = token.partition("=")
        option = known.get(flag)
        if option is None:
            raise UserError(_unknown(flag, known))
        if option.takes and not equals:
            value = next(rest, ("", False))[0]
        if option.takes and not value:
            raise UserError(f"{flag} takes a value: {option.takes}.")
        values[option.name] = value if option.takes else "on"
    return tuple(words), values


def _unknown(flag: str, known: Iterable[str]) -> str:
    near = get_close_matches(flag, [*known, "--help"], n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"There is no option {flag} here.{hint}"


def numbers(words: Sequence[str]) -> list[int]:
    """Job numbers from words such as ``3``, ``#3``, ``1,4-6``. Raises UserError for anything else."""
    found: dict[int, None] = {}
    for part in (part for word in words for part in word.split(",") if part):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise UserError(f"“{part}” is no job number. Numbers look like 3, 1,4 or 2-5.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"“{part}” runs backwards; write {last}-{first}.")
        if last - first + len(found) >= MOST_NUMBERS:
            raise UserError(f"“{part}” names too many jobs at once.")
        found.update(dict.fromkeys(range(first, last + 1)))
    return list(found)
