"""Translates what yt-dlp complains of into our errors, in one table."""

import re
from collections.abc import Callable

from medusa.errors import DISK_FULL, Broken, DiskFull, MedusaError, Scope, Transient, UserError
from medusa.names import display_name


def _busy(text: str) -> Transient:
    return Transient(text, after=120, scope=Scope.HOST)


TOO_BIG = "The file is bigger than a job may fetch."
_NOTHING = "Nothing that can be fetched was found behind this link."

_TABLE: tuple[tuple[str, Callable[[str], MedusaError], str], ...] = (
    (r"No module named '?yt_dlp", UserError, "yt-dlp is not installed, and without it such links cannot be fetched."),
    (r"Unsupported URL|is not a valid URL|No video formats found|There's no video|No media found", UserError, _NOTHING),
    (r"No space left on device|Disk quota exceeded", DiskFull, DISK_FULL),
    (r"File too large|larger than max-filesize", UserError, TOO_BIG),
    (r"DRM protect", UserError, "This video is protected by DRM and cannot be fetched."),
    (
        r"not available (in|from) your|geo.?restrict|blocked it in your country|not made this video available in your",
        UserError,
        "This video is not available in the country of this machine.",
    ),
    (r"HTTP Error 429|rate.?limit|Too Many Requests", _busy, "The site asks to be left alone for a while."),
    (
        r"private video|is private|log ?in|sign in|members.only|registered users|requires? authentication|--cookies"
        r"|HTTP Error 40[13]\b",
        UserError,
        "This link is private, or the site wants a login.",
    ),
    (
        r"HTTP Error (404|410)|video (is )?(unavailable|not available)|has been removed|does not exist"
        r"|no longer available",
        UserError,
        "The link is dead: the site has no such video.",
    ),
    (r"ffmpeg (is )?(not found|not installed)", UserError, "This needs ffmpeg, which is missing on this machine."),
    (
        r"Requested format is not available",
        UserError,
        "The site offers no version of this that fits the upload limit and the tools of this machine.",
    ),
    (
        r"timed? ?out|Connection (refused|reset|aborted)|RemoteDisconnected|IncompleteRead|Name or service not known"
        r"|Temporary failure|HTTP Error 5\d\d|Network is unreachable|more expected|fragment .* not found",
        Transient,
        "The connection to the site broke off.",
    ),
)


def explain(errors: str, refusal: MedusaError | None) -> MedusaError:
    """Say what went wrong from yt-dlp's error text; ``refusal`` is what the proxy had to say, and goes first."""
    if refusal is not None:
        return refusal
    lines = [line for line in errors.splitlines() if line.startswith("ERROR:")]
    text = "\n".join(lines) or errors[-4000:]
    for pattern, kind, words in _TABLE:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(words)
    return Broken(f"yt-dlp could not fetch this: {_short(lines)}")


def _short(lines: list[str]) -> str:
    """Quote the last error without its technical tail."""
    last = lines[-1].removeprefix("ERROR:") if lines else "it ended without saying why"
    return display_name(last.partition("; please report")[0])[:160]
