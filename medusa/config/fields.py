"""The table of all settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medusa.config import values


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its name outside, how it is parsed, and what is said about it."""

    name: str
    parse: Callable[[str, Path], object]
    """Turns the text into the value; relative paths start at the second argument."""
    accepted: str
    about: str
    example: str
    default: str = ""
    """What holds without the setting, in words or as it would be written; empty where that is nothing."""
    aliases: tuple[str, ...] = ()
    secret: bool = False

    @property
    def attribute(self) -> str:
        """Name of the field in Config."""
        return self.name.removeprefix("MEDUSA_").lower()


FIELDS = (
    Field(
        "API_ID",
        values.api_id,
        "a whole number such as 1234567, from https://my.telegram.org/apps",
        "Your own application id. The first run asks for it and writes it here.",
        "1234567",
        aliases=("APP_ID", "TELEGRAM_API"),
    ),
    Field(
        "API_HASH",
        values.matching(r"[0-9a-fA-F]{32}"),
        "32 hexadecimal digits, from https://my.telegram.org/apps",
        "The hash that belongs to the application id. Keep it to yourself.",
        "0123456789abcdef0123456789abcdef",
        aliases=("APP_HASH", "TELEGRAM_HASH"),
        secret=True,
    ),
    Field(
        "SESSION_STRING",
        values.session_string,
        "a Telethon session string: 353 or 369 characters that begin with 1",
        "A login made elsewhere, imported once into the state file. Whoever holds it is you: remove it afterwards.",
        "1BVts…=",
        aliases=("STRING_SESSION",),
        secret=True,
    ),
    Field(
        "MEDUSA_PROXY",
        values.proxy,
        "socks5://user:password@host:port, socks4://host:port or http://host:port (MTProto proxies are not supported)",
        "Reach Telegram through a proxy. Special characters in user and password are percent-encoded.",
        "socks5://127.0.0.1:1080",
        secret=True,
    ),
    Field(
        "MEDUSA_TEST_DC",
        values.yes_no,
        "yes or no",
        "Use Telegram's test data centres, where accounts are apart from the real ones.",
        "no",
        default="no",
    ),
    Field(
        "MEDUSA_TELEGRAM_DC",
        values.data_centre,
        "ID,HOST,PORT such as 2,127.0.0.1,4430",
        "Connect to this data centre instead of Telegram's: an embedded Telegram, for instance.",
        "2,127.0.0.1,4430",
    ),
    Field(
        "MEDUSA_TELEGRAM_KEY",
        values.existing_file,
        "the path of an existing PEM file",
        "The public key of that data centre.",
        "loopback.pem",
    ),
    Field(
        "MEDUSA_DATA",
        values.path,
        "the path of a folder",
        "Where the encrypted state file lives. Relative paths start beside this file.",
        "sessions",
        default="sessions",
    ),
    Field(
        "MEDUSA_WORK",
        values.path,
        "the path of a folder that neither holds MEDUSA_DATA nor lies in it",
        "Where jobs keep unfinished files; it needs room and is emptied by Medusa. Give it a folder of its own.",
        "work",
        default="work",
    ),
    Field(
        "MEDUSA_KEY_FILE",
        values.path,
        "the path of a file",
        "The key that opens the state file (a Docker secret, for instance).",
        "/run/secrets/medusa.key",
        default="medusa.key in MEDUSA_DATA, made at the first start",
    ),
    Field(
        "MEDUSA_PASSPHRASE",
        values.matching(r"(?s:.{8,1024})"),
        "8 to 1024 characters",
        "Opens the state file in place of a key file. A key file with restricted access is the better choice.",
        "'correct horse battery staple'",
        secret=True,
    ),
    Field(
        "MEDUSA_PASSPHRASE_FILE",
        values.existing_file,
        "the path of an existing file",
        "A file with that passphrase (a Docker secret, for instance), where MEDUSA_PASSPHRASE is not set.",
        "/run/secrets/medusa_passphrase",
    ),
    Field(
        "MEDUSA_SLOTS",
        values.slots,
        "fetch=N,process=N,upload=N,extract=N, each from 1 to 32 (leave out what should keep its default)",
        "How many jobs may do the same thing at once; extract is how many may have yt-dlp look at a page.",
        "fetch=2,process=1,upload=2",
        default="chosen from the machine's cores and memory",
    ),
    Field(
        "MEDUSA_ALLOW",
        values.allow,
        "hosts, addresses, host:port pairs and networks, with commas between: nas.local:8080,192.168.1.0/24",
        "What may be fetched although it stands in a private network.",
        "nas.local:8080,192.168.1.0/24",
    ),
    Field(
        "MEDUSA_MAX_FILE",
        values.size,
        "a size such as 20GB or 500MiB",
        "The most that one job may fetch.",
        "20GB",
        default="20GB",
    ),
    Field(
        "MEDUSA_KEEP_FREE",
        values.size,
        "a size such as 500MB or 2GiB",
        "What jobs leave free on the disk of MEDUSA_WORK; those that would need it wait.",
        "500MB",
        default="500MB, or 5 % of a disk of less than 10 GB",
    ),
    Field(
        "MEDUSA_INDEX",
        values.matching(r"https?://[^\s/?#]+(?:/[^\s?#]*)?"),
        "an http or https address",
        "Where /update finds yt-dlp, if not in the usual package index. A private one has to be in MEDUSA_ALLOW.",
        "https://packages.example.com/simple/",
        secret=True,
    ),
    Field(
        "MEDUSA_PANEL",
        values.address,
        "off, a port such as 8478 for this machine alone, or HOST:PORT",
        "Where the panel listens. Other machines reach it by HOST:PORT, with MEDUSA_PANEL_TLS or behind a proxy.",
        "8478",
        default="8478",
    ),
    Field(
        "MEDUSA_PANEL_URL",
        values.origin,
        "the address without any path, such as https://medusa.example.org",
        "Under which address browsers reach the panel, if not under that where it listens.",
        "https://medusa.example.org",
    ),
    Field(
        "MEDUSA_PANEL_TLS",
        values.two_files,
        "the paths of two files, with a comma between: certificates and key, both in PEM",
        "Have the panel speak HTTPS itself.",
        "fullchain.pem,privkey.pem",
    ),
    Field(
        "MEDUSA_PANEL_PROXY",
        values.networks,
        "addresses and networks, with commas between",
        "The proxy in front of the panel, whose X-Forwarded-For and X-Forwarded-Proto are believed.",
        "127.0.0.1",
    ),
    Field(
        "MEDUSA_LOG",
        values.level,
        "debug, info, warning or error",
        "How much is logged.",
        "info",
        default="info",
    ),
    Field(
        "MEDUSA_LOG_FORMAT",
        values.log_format,
        "console or json",
        "How the log is written: for people, or one JSON object a line.",
        "json",
        default="console",
    ),
    Field(
        "MEDUSA_METRICS",
        values.address,
        "off, a port, or ADDRESS:PORT such as 127.0.0.1:9877 (beyond this machine only with MEDUSA_METRICS_TOKEN)",
        "Where /healthz, /readyz and /metrics are served, by plain HTTP; a port alone is one of this machine only.",
        "9877",
        default="off",
    ),
    Field(
        "MEDUSA_METRICS_TOKEN",
        values.matching(r"[!-~]{16,256}"),
        "16 to 256 characters without spaces",
        "Who is not on this machine has to send this (Authorization: Bearer …) to see /readyz and /metrics.",
        "take-a-long-random-text",
        secret=True,
    ),
    Field(
        "MEDUSA_SENTRY_DSN",
        values.matching(r"https?://[^\s@/]+@[^\s/?#]+/[^\s?#]+"),
        "the DSN of a Sentry project: https://KEY@HOST/NUMBER",
        "Errors inside Medusa are reported there: kinds and places, no words. Needs requirements/sentry.txt.",
        "https://0123456789abcdef@sentry.example.com/1",
        secret=True,
    ),
)


def example() -> str:
    """Write the text of ``.env.example`` from the table of fields."""
    head = (
        "# Settings of Medusa. Copy this file to .env and take the # away from the lines that you want.\n"
        "# None is needed for a first run: it asks. What stands in the environment wins over the file.\n"
    )
    return head + "".join(
        f"\n# {one.about}\n# Accepted: {one.accepted}.\n"
        + (f"# Also known as {' and '.join(one.aliases)}.\n" if one.aliases else "")
        + (f"# Default: {one.default}.\n" if one.default else "")
        + f"#{one.name}={one.example}\n"
        for one in FIELDS
    )
