"""Reads how often copies are made, where they go and how many are kept, and shows it the same way."""

import re

_SECONDS = {"h": 3600.0, "d": 86400.0}


def every(text: str) -> float | None:
    """Seconds, or None for never. Raises ValueError, as all of these do."""
    if text.lower() == "off":
        return None
    found = re.fullmatch(r"(?:every )?([1-9][0-9]{0,2}) ?([hd])", text.lower(), re.ASCII)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 3600 <= seconds <= 30 * 86400:
        raise ValueError
    return seconds


def show_every(seconds: float | None) -> str:
    """What ``every`` reads."""
    if seconds is None:
        return "off"
    return f"{seconds / 86400:.0f}d" if seconds % 86400 == 0 else f"{seconds / 3600:.0f}h"


def places(text: str) -> tuple[str, ...]:
    """One to five places, with commas between."""
    found = tuple(dict.fromkeys(place(part.strip()) for part in text.split(",") if part.strip()))
    if not 1 <= len(found) <= 5:
        raise ValueError
    return found


def show_places(found: tuple[str, ...]) -> str:
    """What ``places`` reads."""
    return ", ".join(found)


def place(text: str) -> str:
    """Where a backup may go: ``folder``, ``me``, a chat's marked id or an absolute path. Raises ValueError."""
    if text.lower() in ("folder", "me"):
        return text.lower()
    if not re.fullmatch(r"-[0-9]{1,16}|/[^\0\n]{1,1000}", text, re.ASCII):
        raise ValueError
    return text


def generations(text: str) -> tuple[int, int, int]:
    """How many days, weeks and months."""
    found = re.fullmatch(r"([0-9]{1,2}) ?d ?([0-9]{1,2}) ?w ?([0-9]{1,2}) ?m", text.lower(), re.ASCII)
    if found is None:
        raise ValueError
    return int(found[1]), int(found[2]), int(found[3])


def show_generations(counts: tuple[int, int, int]) -> str:
    """What ``generations`` reads."""
    return "{}d {}w {}m".format(*counts)
