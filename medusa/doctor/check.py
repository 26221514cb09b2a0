"""What a check of the doctor is: every module of this folder with a constant CHECK is one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from medusa.config import Config
from medusa.findings import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """Looks at one thing; what it can't find out is a finding, too, and never an error."""

    look: Callable[[Config], Awaitable[Finding]]
