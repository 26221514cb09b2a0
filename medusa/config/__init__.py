"""Reads the environment and ``.env``, once, into a frozen dataclass."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from medusa.config.dotenv import read, save_credentials
from medusa.config.fields import FIELDS, Field, example
from medusa.config.values import Address, DataCentre, Proxy, Slots, machine_slots
from medusa.errors import UserError

__all__ = [
    "FIELDS",
    "Address",
    "Config",
    "DataCentre",
    "Field",
    "Proxy",
    "Slots",
    "example",
    "load",
    "save_credentials",
]

PANEL = Address("127.0.0.1", 8478)
"""Where the panel listens when nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything the owner can set from outside. Paths are absolute; ``max_file`` and ``keep_free`` are bytes."""

    data: Path
    work: Path
    slots: Slots
    api_id: int | None = None
    api_hash: str | None = field(default=None, repr=False)
    session_string: str | None = field(default=None, repr=False)
    proxy: Proxy | None = None
    test_dc: bool = False
    telegram_dc: DataCentre | None = None
    telegram_key: Path | None = None
    """PEM file with the public key of ``telegram_dc``."""
    key_file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    passphrase_file: Path | None = None
    allow: tuple[str, ...] = ()
    """Hosts, ``host:port`` pairs and networks that may be reached although they are private."""
    max_file: int = 20 * 10**9
    keep_free: int | None = None
    """None stands for what the size of the disk suggests."""
    index: str | None = field(default=None, repr=False)
    """Address of a package index, which may hold a password; None for the usual one."""
    panel: Address | None = PANEL
    """None for no panel."""
    panel_url: str | None = None
    """The origin under which browsers reach the panel: scheme and host, and port if it is not the usual one."""
    panel_tls: tuple[Path, Path] | None = None
    """PEM files with the certificates and the key."""
    panel_proxy: tuple[str, ...] = ()
    """Networks of proxies whose word on where a request comes from is taken."""
    log: str = "INFO"
    log_format: Literal["console", "json"] = "console"
    metrics: Address | None = None
    metrics_token: str | None = field(default=None, repr=False)
    sentry_dsn: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> list[str]:
        """All of it that no text may show."""
        proxy = self.proxy.password if self.proxy else None
        known = (self.api_hash, self.session_string, self.passphrase, proxy, self.metrics_token, self.sentry_dsn)
        return [secret for secret in known if secret]


SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 8, 1024


def load(env: Mapping[str, str], dotenv: Path) -> Config:
    """Read the settings; what stands in ``env`` wins over the file ``dotenv``, which may be missing.

    Raises UserError that names every unknown and malformed setting at once, with the accepted form.
    """
    base = dotenv.parent.resolve()
    written, problems = read(dotenv)
    problems += _unknown(env, "the environment") + _unknown(written, dotenv.name)
    values: dict[str, Any] = {"data": base / "sessions", "work": base / "work", "slots": machine_slots()}
    for one in FIELDS:
        name, text = _pick(one, env, written)
        if not text:
            continue
        try:
            values[one.attribute] = one.parse(text, base)
        except (ValueError, KeyError, RuntimeError):
            problems.append(f"{name}{'' if one.secret else f' is {text[:60]!r}, but'} must be {one.accepted}.")
    config = Config(**values)
    if config.passphrase is None and config.passphrase_file is not None:
        try:
            config = replace(config, passphrase=passphrase(config.passphrase_file))
        except ValueError:
            problems.append("MEDUSA_PASSPHRASE_FILE must hold 8 to 1024 characters in UTF-8.")
    if config.metrics is not None and not config.metrics.loopback and config.metrics_token is None:
        problems.append(f"MEDUSA_METRICS ({config.metrics}) is beyond this machine, so it needs MEDUSA_METRICS_TOKEN.")
    if config.work.is_relative_to(config.data) or config.data.is_relative_to(config.work):
        problems.append(f"MEDUSA_WORK ({config.work}) and MEDUSA_DATA ({config.data}) must not lie in one another.")
    if problems:
        raise UserError("\n".join(["Some settings can't be used:", *(f"- {problem}" for problem in problems)]))
    return config


def passphrase(file: Path) -> str:
    """The passphrase that a file holds; a line break at its end is none of it. Raises ValueError."""
    try:
        text = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError from error
    if not SHORTEST_PASSPHRASE <= len(text) <= LONGEST_PASSPHRASE:
        raise ValueError
    return text


def _pick(one: Field, *places: Mapping[str, str]) -> tuple[str, str]:
    """Find the first place that has a value for the setting; an empty value counts as none."""
    for place in places:
        for name in (one.name, *one.aliases):
            if text := place.get(name, "").strip():
                return name, text
    return one.name, ""


def _unknown(place: Mapping[str, str], where: str) -> list[str]:
    known = {one.attribute.upper(): one.name for one in FIELDS}
    problems = []
    for name in sorted(place):
        own = name.removeprefix("MEDUSA_")
        if own != name and known.get(own) != name:
            near = difflib.get_close_matches(own, known, n=1)
            problems.append(f"{name} in {where} is not known{f'; is {known[near[0]]} meant?' if near else '.'}")
    return problems
