"""Translates what yt-dlp complains of into our errors, in one table."""

import re
from collections.abc import Callable
from functools import partial

from medusa.errors import (
    DISK_FULL,
    Broken,
    DiskFull,
    LoginNeeded,
    MedusaError,
    NothingThere,
    Scope,
    Transient,
    UserError,
)
from medusa.names import display_name
from medusa.sources import NOTHING

TOO_BIG = "The file is bigger than a job may fetch."
_RUNTIME = (
    "The site needs a JavaScript runtime, and this machine has none that will do. "
    "Install deno (2.3 or newer) or node (22 or newer), start Medusa again, then /retry N."
)
_SAYS_NOTHING = "it ended without saying why"

_busy = partial(Transient, after=120, scope=Scope.HOST)
_long_busy = partial(Transient, after=1800, tries=3, scope=Scope.HOST)
_soon = partial(Transient, after=900, tries=24)
_short_of_memory = partial(Transient, after=60, tries=10)
_TOO_MUCH = "Reading this took more memory than a job may have."

# The first row that fits decides, so what is said in passing stands below what it may be said beside.
_TABLE: tuple[tuple[str, Callable[[str], MedusaError], str], ...] = (
    (r"No module named '?yt_dlp", UserError, "yt-dlp is not installed, and without it such links cannot be fetched."),
    (r"Unsupported URL|is not a valid URL|Invalid URL|looks truncated", NothingThere, NOTHING),
    (r"No space left on device|Disk quota exceeded", DiskFull, DISK_FULL),
    (r"File too large|larger than max-filesize", UserError, TOO_BIG),
    (r"MemoryError|Cannot allocate memory", _short_of_memory, "The machine is short of memory."),
    (
        r"invalid (format|filter) spec|Invalid format (string|sort)|Invalid sort|format-sort|syntax error",
        UserError,
        "What stands behind -f or -S is not understood; see “Format selection” in yt-dlp's documentation.",
    ),
    (
        r"DRM protect|use DRM|possibly a premium video",
        UserError,
        "This video is protected by DRM and cannot be fetched.",
    ),
    (
        r"not a bot|captcha|suspected as a bot|IP is likely being blocked|anti-bot|requests automated|JS challenge"
        r"|IP address is (blocked|unable)|TLS fingerprint|impersonat",
        UserError,
        "The site takes this machine for a robot. Cookies of a browser that is logged in may help: /cookies",
    ),
    (
        r"rate-limited by \w+ for up to an hour",
        _long_busy,
        "The site asks to be left alone for up to an hour.",
    ),
    (
        r"HTTP Error 4(29|12)|rate.?limit|Too Many Requests|play limit|blocked by server .*wait|rejected by server",
        _busy,
        "The site asks to be left alone for a while. Should it stay so, a login may help: /cookies",
    ),
    (
        r"private show|not currently live|(is|now) offline|not live\b|No active streams|auto-playing VODs",
        UserError,
        "Nothing is live there now. Send the link again when it is.",
    ),
    (
        r"will (begin|start)|not (yet )?(begun|started)|not started yet|Premieres|scheduled (for|to start)"
        r"|available after \d{4}|not available yet\. Release|not yet available",
        _soon,
        "This has not begun yet.",
    ),
    (
        r"is processing|uploading or processing|available shortly|not downloadable yet|being processed",
        _soon,
        "The site still works on this video.",
    ),
    (
        r"live ?stream (has|is) (ended|over)|live (event )?(has|was) ended|has ended|recording is not available"
        r"|replay is disabled",
        UserError,
        "The live stream is over, and the site keeps no recording of it.",
    ),
    (
        r"not available (in|from|to) your|geo.?(restrict|block)|(in|from) your (country|region|location)"
        r"|in this region|(available|licensed)\b.* in (\w+ ){1,3}only|only (available|licensed)\b.* in [A-Z]"
        r"|blocked by decision|region or is DRM|licensing restrict|HTTP Error 451",
        UserError,
        "This is not available in the country of this machine.",
    ),
    (
        r"confirm your age|age.?(restrict|verif)|inappropriate|comfortable for some|NSFW|adult verif|sensitive content"
        r"|older than \d|after \d\d:\d\d",
        UserError,
        "This is shown to adults who are logged in only. Send the cookies of such an account: /cookies",
    ),
    (
        r"username|invalid (login|credentials)|login failed|unable to log ?in",
        LoginNeeded,
        "The site did not accept the login. Send fresh cookies: /cookies",
    ),
    (
        r"no longer valid|(cookies|tokens?|session)\b.* (has|have) (been )?(expired|invalidated|rotated)"
        r"|expired token|authorization lost|access token",
        LoginNeeded,
        "The login that Medusa has for this site is no longer valid. Send fresh cookies: /cookies",
    ),
    (
        r"(password|passcode).?protected|by a (password|passcode)|(wrong|incorrect|invalid) (video )?password",
        UserError,
        "This video is locked with a password of its own, which Medusa has no way to enter.",
    ),
    (
        r"members.?only|for (\w+ ){0,2}members|join this channel|requires payment|subscri(be|ption)|premium|purchase"
        r"|\bpaid\b|to pay for|VIP|supporter|\brent|ticket|TV providers|patron",
        UserError,
        "This is for those who pay for it. If you do, send the cookies of your account: /cookies",
    ),
    (
        r"private|protected tweet|not authorized|permission to view|(do|does) not have access|follow this account"
        r"|locked|has been approved|granted access",
        LoginNeeded,
        "This link is private. If your account may see it, send its cookies: /cookies",
    ),
    (
        r"log(ged)?.?in|sign(ed)? in|registered users|authenticat|--cookies|cookies .*needed|account is needed"
        r"|HTTP Error 401|empty media response|unreachable|opted in",
        LoginNeeded,
        "The site wants a login for this. Send the cookies of your account: /cookies",
    ),
    (
        r"HTTP Error 403|Access .*forbidden|Referer",
        LoginNeeded,
        "The link is private, or the site refuses this machine (403).",
    ),
    (
        r"Requested format is not available",
        UserError,
        "The site offers no version of this that fits what you asked for, the upload limit and this machine's tools.",
    ),
    (
        r"HTTP Error (408|425|5\d\d)|server.side|Service temporarily",
        Transient,
        "The site is out of order just now.",
    ),
    (
        r"timed? ?out|Connection (refused|reset|aborted)|RemoteDisconnected|IncompleteRead|Name or service not known"
        r"|Temporary failure|Network is unreachable|more expected|fragment .* not found|network error|content too short"
        r"|any data blocks|downloaded file is empty|EOF occurred|connect to proxy|while receiving data|Incomplete data",
        Transient,
        "The connection to the site broke off.",
    ),
    (
        r"HTTP Error (404|410)|unavailable|not available|has been (removed|deleted)|was (removed|deleted)"
        r"|does( not|n't) exist|no longer (available|exists)|not found|expired|terminated|suspended|copyright"
        r"|taken down|removed by|may be deleted",
        UserError,
        "The link is dead: the site has no such video.",
    ),
    (
        r"No (video|audio|media|songs?|sources|stream|playable|supported|formats|valid video|downloads)\w*\b"
        r"|There('s| is) no video|not (contain|have) (a|any) (video|audio)|is not (a|an) (video|animated)|not a video"
        r"|Could not (find|extract) (a|any|the|suitable)?\s*(video|format)|have any video|only images are available",
        NothingThere,
        NOTHING,
    ),
    (
        r"(piracy|not be supported|no longer supported)",
        UserError,
        "yt-dlp, which reads video sites for Medusa, does not support this one.",
    ),
    (r"ffmpeg (is )?(not found|not installed|could not)", UserError, "This needs ffmpeg, which is missing here."),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify|SSLV3_ALERT|LEGACY_RENEGOTIATION",
        UserError,
        "The site's certificate is not valid, so nothing is fetched from it.",
    ),
    (r"Postprocessing:", Broken, "The parts of this video could not be joined."),
)
_DISTRACTING = ((r"https?://\S+", "…"), (r"\. Use --(cookies|username).*", ". (login)"))
"""Links, and the advice that stands behind every wish for a login, whose words would be taken for others."""
_LONGEST, _MOST_LINES = 1000, 10
"""What is read of a complaint: a server can put any words into it, and as many as it likes."""
_JAVASCRIPT = r"No supported JavaScript runtime|challenge solving failed|Signature solving failed"
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000}
_FURTHEST = 30 * 86400


def explain(errors: str, refusal: MedusaError | None) -> MedusaError:
    """Say what went wrong from yt-dlp's error text; ``refusal`` is what the proxy had to say, and goes first."""
    if refusal is not None:
        return refusal
    lines = [
        line[:_LONGEST].removeprefix("ERROR:").strip() for line in errors.splitlines() if line.startswith("ERROR:")
    ]
    if lines and not any(lines):  # Python has no words for a lack of memory
        return Transient(_TOO_MUCH, after=60, tries=3)
    text = "\n".join(map(_unprefixed, lines[-_MOST_LINES:])) or errors[-4000:]
    for pattern, instead in _DISTRACTING:
        text = re.sub(pattern, instead, text)
    for pattern, kind, words in _TABLE:
        if re.search(pattern, text, re.IGNORECASE):
            return _refined(kind(words), text, errors)
    return _quoted(lines)


def _unprefixed(line: str) -> str:
    """A complaint without the names of extractor and video, which could be taken for words of it."""
    return re.sub(r"\A\[[^\]\s]+\] (?:[^\s:]+: )?", "", line)


def _refined(error: MedusaError, text: str, errors: str) -> MedusaError:
    """The error with what is said beside it: when an event begins, and what was missing to see the formats."""
    lacking = re.search(r"not available\b|unavailable|No video formats|only images", text, re.IGNORECASE)
    if isinstance(error, UserError) and lacking and re.search(_JAVASCRIPT, errors):
        return UserError(_RUNTIME)
    if (begins := re.search(r"(?:begin|start|premieres) in (\d{1,3}) (\w+?)s?\b", text, re.IGNORECASE)) is None:
        return error
    seconds = min(int(begins[1]) * _UNITS.get(begins[2].lower(), 60), _FURTHEST)
    return Transient(error.user_text, after=max(60.0, seconds), tries=24)


def _quoted(lines: list[str]) -> MedusaError:
    """What the table does not know, in the site's own words; yt-dlp asks for a report of what it did not expect."""
    said, report, _ = (lines[-1] if lines else _SAYS_NOTHING).partition("; please report")
    said = re.sub(r"\s*\(caused by .*|https?://\S+|[^.;,]*(?<!\w)--?[a-z][\w-]+.*", "", _unprefixed(said)).strip(" .;,")
    words = display_name(said)[:160] or _SAYS_NOTHING
    if report or not lines:
        return Broken(f"This could not be read from the site: {words}. A newer yt-dlp may know it.")
    return UserError(f"The site says: {words}.")
