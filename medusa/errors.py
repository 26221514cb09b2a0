"""The errors that Medusa speaks of, in one tree of few branches.

Foreign errors (Telethon, yt-dlp, ffmpeg, aiohttp, SQLCipher) are translated into these once, where they enter.
Inside, code asks ``error.user_text`` and ``error.retry_after`` and never looks at a foreign class.

    MedusaError
    ├── UserError    say it to the owner, never retry
    ├── Transient    try again after ``retry_after`` seconds
    ├── Broken       a dead source or a bug of ours: log it whole, apologise briefly
    └── StreamBroken fetch it into a file, then go on
"""

from enum import StrEnum

FOREVER = 1_000_000
"""Tries for what only waiting can mend: Telegram out of reach, a flood wait, a full disk."""
BROKEN = "Something went wrong inside Medusa; see its log."
DISK_FULL = "The disk is full; the job goes on when there is room."


def first_of(error: Exception) -> Exception:
    """The first error of a group, at any depth; the others are its echoes."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


class Scope(StrEnum):
    """Whom a passing trouble meets: one job, all jobs that post into its chat, or all that fetch from its host."""

    JOB = "job"
    CHAT = "chat"
    HOST = "host"


class MedusaError(Exception):
    """An error with words for the owner.

    ``user_text`` is one or two lines of plain text: what happened, what was kept, what to do.
    """

    def __init__(self, user_text: str) -> None:
        super().__init__(user_text)
        self.user_text = user_text

    @property
    def retry_after(self) -> float | None:
        """Seconds after which another try makes sense, or None when none does."""
        return None

    @property
    def tries(self) -> int:
        """How many failed tries in a row a job gives this kind of error before it gives up, FOREVER for no end."""
        return 1

    @property
    def scope(self) -> Scope:
        """Which jobs need not try before ``retry_after`` either."""
        return Scope.JOB

    @property
    def counts(self) -> bool:
        """Whether it is a failed try; waiting for what others will give back is none."""
        return True

    @property
    def fatal(self) -> bool:
        """True when the whole process has to stop, because nothing works any more; jobs stay as they are."""
        return False


class UserError(MedusaError):
    """Something that only the owner can mend: a wrong option, a private link, a file over the limit."""


class LoginNeeded(UserError):
    """A site shows this to nobody, or not to whom it takes us for; cookies, a token or a header may help."""


class NothingThere(UserError):
    """A source knows the link and finds no file behind it; another source may."""


class Transient(MedusaError):
    """Something that passes by itself: a flood wait, a broken connection, a busy server.

    ``after`` is in seconds; ``scope`` says whom else the trouble meets. As many ``tries`` as are the rule last about
    four minutes, since the pauses grow.
    """

    def __init__(self, user_text: str, *, after: float = 2.0, tries: int = 8, scope: Scope = Scope.JOB) -> None:
        super().__init__(user_text)
        self._after = after
        self._tries = tries
        self._scope = scope

    @property
    def retry_after(self) -> float:
        return self._after

    @property
    def tries(self) -> int:
        return self._tries

    @property
    def scope(self) -> Scope:
        return self._scope


class Wait(Transient):
    """Something that is over when its time has come, such as a flood wait: no failed try, however often it comes."""

    def __init__(self, user_text: str, *, after: float, scope: Scope = Scope.JOB) -> None:
        super().__init__(user_text, after=after, tries=FOREVER, scope=scope)

    @property
    def counts(self) -> bool:
        return False


class DiskFull(Wait):
    """No room on a disk: the job waits for as long as it takes, and is looked at again soon."""

    def __init__(self, user_text: str = DISK_FULL, *, after: float = 60.0) -> None:
        super().__init__(user_text, after=after)


class Broken(MedusaError):
    """A source that answers nonsense, or a fault of ours; the log has the details."""


class StreamBroken(MedusaError):
    """A byte stream that ended, and cannot go on, before all of it was sent: only fetching it into a file helps."""
