"""Who is logged in to the panel, and the way out."""

from medusa.model import Role
from medusa.web.page import Given, Page, Visit


async def _show(visit: Visit) -> Given:
    door, owner = visit.desk.door, visit.person.role is Role.OWNER
    return {
        "sessions": await door.sessions(visit.person.id),
        "password": await door.has_password() if owner else None,  # it lets nobody else in
    }


PAGE = Page(path="/sessions", title="Sessions", show=_show, place=90, icon="key")
