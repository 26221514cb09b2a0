"""Writes the page of documentation about the settings, from the settings themselves."""

from typing import Any

from medusa.model import Role
from medusa.settings.kinds import Setting
from medusa.settings.known import FAMILIES

_HEAD = """# Settings

`/set KEY VALUE` changes a setting at once and for good, `/unset KEY` returns it to its default, and `/settings` shows
what is in force; the panel has a page for it. Those marked with † are for the owner alone to change, all others for
admins, too. Those marked with * may be others for one person's own jobs
(`/set KEY VALUE --for @name`; users set their own without that), and what `/channel set` knows may be another for the
posts in one chat (`/set KEY VALUE --chat CHAT`). What a command says comes first, then what holds in the chat, which is
about those who read there, then the person's own, then the common value: also a switch that is off in a chat, or for a
person, is off there although it is on for all.

This page is made from the settings themselves: `python3 -m medusa.settings > docs/settings.md`.
"""


def _marks(one: Setting[Any]) -> str:
    return ("*" if one.personal else "") + ("†" if one.role is Role.OWNER else "")


def page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    for family, settings in FAMILIES.items():
        lines += [f"## {family}", "", "| setting | default | what it takes | what for |", "|---|---|---|---|"]
        for one in settings:
            cells = (f"`{one.key}`{_marks(one)}", f"`{one.show(one.default)}`", one.form, one.about)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)
