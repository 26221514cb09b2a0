"""What sites know the owner by: names and ages, and never a value."""

import re

from medusa.errors import UserError
from medusa.model import Role
from medusa.storage.vault import Kind
from medusa.web.page import Fields, Given, Page, Visit

_COMMANDS = {Kind.COOKIES: "cookies", Kind.TOKEN: "token", Kind.HEADER: "header"}


async def _show(visit: Visit) -> Given:
    kept = [
        {"kind": str(kind), "site": one.site, "name": one.name, "created": one.created, "expires": one.expires}
        for kind in Kind
        for one in await visit.desk.vault.kept(kind)
    ]
    return {"kept": sorted(kept, key=lambda one: (one["site"], one["kind"]))}


def _words(fields: Fields) -> str:
    """The form that forgets one thing; a site is told from options by what it may consist of."""
    kind, site, name = fields.get("kind", ""), fields.get("site", ""), fields.get("name", "")
    if kind not in {str(one) for one in Kind} or not re.fullmatch(r"[\w.:-]{1,253}", site):
        raise UserError("There is nothing like that to forget.")
    if not re.fullmatch(r"[!#-~]{0,64}", name):
        raise UserError("There is nothing like that to forget.")
    return f'{_COMMANDS[Kind(kind)]} forget {site} "{name}"'  # without a name, all of the site would be forgotten


PAGE = Page(
    path="/vault",
    title="Vault",
    show=_show,
    place=65,
    role=Role.OWNER,
    icon="vault",
    commands=frozenset(_COMMANDS.values()),
    words=_words,
)
