"""Reads the rules that say where posts go, and finds the one that decides."""

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches

from medusa.errors import UserError
from medusa.hosts import is_address
from medusa.model import LocalFile
from medusa.names import quoted
from medusa.storage.channels import Rule
from medusa.words import size

KINDS = ("video", "audio", "image", "file")
FORMS = "a site such as youtube.com, one of video, audio, image and file, and sizes such as >1G or <500M"
_SIZE = re.compile(r"([<>])\s*([0-9]{1,6}(?:[.,][0-9]{1,3})?)\s*([kmgt]?)b?", re.IGNORECASE)
_SITE = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def read_rule(words: Sequence[str], spot: str) -> Rule:
    """The rule that sends to ``spot`` what the words describe. Raises UserError."""
    found: dict[str, str | int] = {}
    for word in words:
        name, value = _condition(word)
        if name in found:
            raise UserError(f"{quoted(word)}: one rule takes only one such condition; give a rule for each.")
        found[name] = value
    if not found:
        raise UserError(f"A rule needs a condition: {FORMS}.")
    above, below = int(found.get("above", 0)), int(found.get("below", 0))
    if below and above >= below:
        raise UserError("Nothing is larger than that and smaller at the same time.")
    return Rule(str(found.get("host", "")), str(found.get("kind", "")), above, below, spot)


def _condition(word: str) -> tuple[str, str | int]:
    text = word.lower()
    if text in KINDS:
        return "kind", text
    if bound := _SIZE.fullmatch(text):
        count = int(Decimal(bound[2].replace(",", ".")) * _UNITS[bound[3]])
        if count <= 0:
            raise UserError(f"{quoted(word)} fits everything or nothing.")
        return "above" if bound[1] == ">" else "below", count
    if _SITE.fullmatch(text) or is_address(text):
        return "host", text.removeprefix("www.").removeprefix("m.")
    near = get_close_matches(text, KINDS, n=1)
    hint = f" Did you mean {near[0]}?" if near else f" It is {FORMS}."
    raise UserError(f"{quoted(word)} is no condition of a rule.{hint}")


def possible(rules: Sequence[Rule], host: str) -> list[Rule]:
    """The rules that may decide about a link to this host: none behind the first that decides in any case."""
    found: list[Rule] = []
    for rule in rules:
        if not rule.host or host == rule.host or host.endswith(f".{rule.host}"):
            found.append(rule)
            if not rule.needs_file:
                break
    return found


def deciding(rules: Sequence[Rule], host: str, kind: str, count: int) -> Rule | None:
    """The rule that decides about files of a kind and of so many bytes, 0 while nobody knows; None when none does."""
    for rule in possible(rules, host):
        sized = (not rule.above or count > rule.above) and (not rule.below or 0 < count < rule.below)
        if rule.kind in ("", kind) and sized:
            return rule
    return None


def kind_of(file: LocalFile) -> str:
    """What a rule takes a file for."""
    if file.photo or file.mime.startswith("image/"):
        return "image"
    if file.media is not None and file.media.duration:
        return "video" if file.media.video_codec else "audio"
    plain = file.mime.partition("/")[0]
    return plain if plain in KINDS else "file"


def conditions(rule: Rule) -> str:
    """What a rule asks for, in words."""
    bounds = [f"over {size(rule.above)}"] if rule.above else []
    bounds += [f"under {size(rule.below)}"] if rule.below else []
    return ", ".join(part for part in (rule.host, rule.kind, *bounds) if part)
