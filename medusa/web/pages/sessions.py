"""Who is logged in to the panel, and the way out."""

from medusa.web.page import Given, Page, Visit


async def _show(visit: Visit) -> Given:
    door, person = visit.desk.door, visit.session.person
    return {"sessions": await door.sessions(person), "password": await door.has_password()}


PAGE = Page(path="/sessions", title="Sessions", show=_show, place=90, icon="key")
