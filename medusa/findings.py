"""What is found when something is looked at that ought to be well."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: is it well, what was seen of it, and what the owner can do where it is not well."""

    name: str
    well: bool
    seen: str
    advice: str = ""


Look = Callable[[float], Awaitable[Finding]]
"""Looks at one thing, given the Unix time."""
