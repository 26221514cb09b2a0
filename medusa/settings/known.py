"""The settings that there are, by family: each with its type, default and words, in one place."""

from typing import Any

from medusa import intervals
from medusa.model import Hours, Notice, Role
from medusa.settings.kinds import (
    Setting,
    budget,
    cap,
    chats,
    generations,
    hosts,
    hours,
    limit,
    places,
    prefixes,
    quality,
    recipes,
    show_cap,
    show_chats,
    show_generations,
    show_hosts,
    show_hours,
    show_places,
    show_prefixes,
    show_recipes,
    show_spot,
    spot,
    switch,
    term,
    visitors,
)

PREFIX = Setting(
    "prefix", "/.", prefixes, "one to four of / . ! , ; : + ~ # -", "what a command starts with", show_prefixes
)
BARE_LINKS = switch("bare-links", True, "take a lone link in Saved Messages as /dl")
QUALITY = Setting(
    "quality",
    "best",
    quality,
    "best, audio, or a height such as 720",
    "quality when -q is not given",
    personal=True,
)
DOCUMENTS = switch("documents", False, "post videos and audio as plain files", personal=True)
OTHERS = switch("others", True, "obey the people who were let in; off, nobody but the owner is heard")
WATCHING = switch("watching", True, "look at watched lists; off, none is looked at until it is on again")
STREAMING = switch("streaming", True, "send plain files on as they come; off, each is fetched into a file first")
TAGS = switch("tags", False, "mark captions so that /rebuild knows after a loss which link a post came from")
SILENT = switch("silent", False, "post without a notification", personal=True)
WARN_PLAYING = switch("warn-playing", True, "say when some phones will not play at once what was posted")
CHATS: Setting[tuple[int, ...]] = Setting(
    "chats",
    (),
    chats,
    "chat ids such as -1001234567890, separated by commas, or none",
    "further chats in which commands are obeyed, beside the registered ones (/channels)",
    show_chats,
)
DESTINATION = Setting(
    "destination",
    "",
    spot,
    "here, or a chat id such as -1001234567890, of a forum with /TOPIC behind it; /channel default takes names, too",
    "where posts go whose command stands in Saved Messages, says no --to and is decided by no rule",
    show_spot,
)
LIMIT_DOWN = limit("limit-down", "how fast all jobs together may fetch")
LIMIT_UP = limit("limit-up", "how fast all jobs together may upload")
BUDGET_DOWN = budget("budget-down", "how much all jobs together may fetch in a day")
BUDGET_UP = budget("budget-up", "how much all jobs together may upload in a day")
QUIET_HOURS: Setting[Hours] = Setting(
    "quiet-hours",
    (),
    hours,
    "times such as 01:00-07:00, several with commas between, but not the whole day, or off",
    "when nothing is fetched or uploaded",
    show_hours,
)
LIVE_CAP = Setting(
    "live-cap",
    7200.0,
    cap,
    "1 min to 12 h, such as 45m or 2h 30m",
    "how much of a live stream is recorded",
    show_cap,
)
PER_HOST = Setting("per-host", 2, visitors, "a number from 1 to 16", "how many jobs may fetch from one host at once")
HTTPS_ONLY = switch("https-only", False, "fetch nothing over plain http, but from what allow names")
ALLOW: Setting[tuple[str, ...]] = Setting(
    "allow",
    (),
    hosts,
    "hosts, host:port pairs and networks such as nas.local:8080 or 10.0.0.0/24, with commas between, or none",
    "what may be fetched although it stands in a private network or at an unusual port",
    show_hosts,
    role=Role.OWNER,
)
RECIPES: Setting[dict[str, str]] = Setting(
    "recipes",
    {},
    recipes,
    "NAME=ARGUMENTS, several with ; between, or none; see recipe",
    "your own recipes for convert",
    show_recipes,
)
BACKUP: Setting[intervals.Every] = Setting(
    "backup",
    86400.0,
    intervals.every,
    "1h to 30d, such as 12h or 7d, a cron expression such as 0 4 * * *, or off",
    "how often a backup is made",
    intervals.show_every,
    role=Role.OWNER,
)
BACKUP_TO: Setting[tuple[str, ...]] = Setting(
    "backup-to",
    ("folder",),
    places,
    "folder (beside the state), me (Saved Messages), a chat id such as -1001234567890, or a folder such as /mnt/usb, "
    "with commas between",
    "where backups go",
    show_places,
    role=Role.OWNER,
)
BACKUP_KEEP: Setting[tuple[int, int, int]] = Setting(
    "backup-keep",
    (5, 4, 3),
    generations,
    "how many days, weeks and months, each up to 99, such as 7d 4w 6m",
    "how many days, weeks and months keep a backup in each place",
    show_generations,
    role=Role.OWNER,
)
KEEP: dict[str, Setting[float | None]] = {
    "history": term("keep-history", 180, "how long jobs, batches and runs of watches are listed after their end"),
    "library": term("keep-library", None, "how long it is remembered what was posted where"),
    "audit": term("keep-audit", 730, "how long it is on record who did what"),
    "traffic": term("keep-traffic", 1095, "how long the bytes of each day are remembered"),
}
"""For how long is kept what grows old, by kind."""
ARCHIVE = switch("archive", False, "send an export to Saved Messages each time before old entries go")
NOTICES: dict[Notice, Setting[bool]] = {
    Notice.DONE: switch("notice-done", False, "say in Saved Messages what is done, beside the command message"),
    Notice.FAILED: switch("notice-failed", True, "say there what failed out of sight: elsewhere, late, or many"),
    Notice.WAITING: switch("notice-waiting", True, "say there what has to wait for more than ten minutes, and why"),
    Notice.SESSION: switch("notice-session", True, "say there when login or connection have trouble"),
    Notice.DISK: switch("notice-disk", True, "say there when the disk is nearly full"),
    Notice.SECRETS: switch("notice-secrets", True, "say there when cookies or a token that were used lately expire"),
    Notice.NETWORK: switch("notice-network", True, "say there when a link leads on to where it may not"),
    Notice.BACKUP: switch("notice-backup", True, "say there when a backup fails, and when backups work again"),
    Notice.MEMORY: switch("notice-memory", True, "say there when memory is nearly used up"),
    Notice.FAILURES: switch("notice-failures", True, "say there when many jobs fail in a row, or all of one site"),
    Notice.FLOOD: switch("notice-flood", True, "say there when Telegram makes jobs wait long, or often"),
    Notice.UPDATE: switch("notice-update", True, "say there when a site fails and yt-dlp is old"),
}
"""Which kinds of news the owner wants to hear of."""

FAMILIES: dict[str, tuple[Setting[Any], ...]] = {
    "Commands": (PREFIX, BARE_LINKS, CHATS, OTHERS),
    "Posts": (QUALITY, DOCUMENTS, SILENT, WARN_PLAYING, TAGS, DESTINATION),
    "Fetching": (LIVE_CAP, PER_HOST, HTTPS_ONLY, ALLOW, STREAMING, WATCHING, RECIPES),
    "Limits": (LIMIT_DOWN, LIMIT_UP, BUDGET_DOWN, BUDGET_UP, QUIET_HOURS),
    "Backups": (BACKUP, BACKUP_TO, BACKUP_KEEP),
    "Keeping": (*KEEP.values(), ARCHIVE),
    "Notices": tuple(NOTICES.values()),
}
"""All of them; a new one is a line above, and its name here."""
