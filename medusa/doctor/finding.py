"""What a check finds, and what a check is: every module of this folder with a constant CHECK is one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from medusa.config import Config


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: is it well, what was seen, and what to do if it is not."""

    name: str
    well: bool
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Looks at one thing; what it can't find out is a finding, too, and never an error."""

    look: Callable[[Config], Awaitable[Finding]]
