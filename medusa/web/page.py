"""What a page of the panel is.

A page is one file, ``medusa/web/pages/NAME.py`` with one constant PAGE, and its template beside it, ``NAME.html``,
which begins with ``{% extends "layout.html" %}`` and fills ``{% block main %}``. No list has to be edited:

    async def _show(visit: Visit) -> Given:
        return {"jobs": await visit.desk.jobs.recent(20)}

    PAGE = Page(path="/recent", title="Recent", show=_show, place=25, icon="clock", commands=frozenset({"retry"}))

What ``show`` returns is what the template knows, beside ``visit``, ``page`` and what `medusa.web.render` gives to all.
GET changes nothing. Whatever changes something is a form that is sent to the page's own address by POST:

    {% call form() %}<button name="do" value="retry 7">Retry</button>{% endcall %}

``do`` is a command as it is written in Telegram, without its prefix, and is obeyed as there: same function, same
refusals, same rights, same line in the record. Only those named in ``commands`` are; a page that needs a form of its
own, such as a text to be put behind the command, gives ``words``, which makes such a line of the form's fields. After
it the browser is sent back to the page, which says what the command has answered; with scripts, only ``main`` is
replaced.

What is to stay fresh stands in ``{% call live("NAME") %} … {% endcall %}``: it is fetched anew, from the same page,
whenever something has changed in the state, and each second while jobs run. Everything in it that can be focused or
opened needs an ``id``. There are no inline scripts and styles, for the policy forbids them: a page's own script is a
file of ``static/``, named in ``{% block head %}{{ super() }}<script …>{% endblock %}``, and lengths are shown by
``<progress>``, ``<meter>`` or SVG.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from medusa.commands import Desk
from medusa.door import Session
from medusa.model import Person, Role

Fields = Mapping[str, str]
"""The fields of a form, each with its first value."""
Given = Mapping[str, object]
"""What a template is given."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page: who asks, for what, and the desk that answers.

    ``csrf`` is what each form brings back. ``said`` is what the visitor's last command has answered, ``refused`` that
    it was not obeyed, and ``typed`` then what stood in its form, to be shown there again.
    """

    request: web.Request
    session: Session
    person: Person
    desk: Desk
    csrf: str
    said: str = ""
    refused: bool = False
    typed: Fields = field(default_factory=dict)

    @property
    def query(self) -> Fields:
        """What stands behind the question mark of the address."""
        return self.request.query

    def number(self, name: str, default: int = 0) -> int:
        """A number of the path or the query; ``default`` where there is none, or something else."""
        text = self.request.match_info.get(name) or self.request.query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default

    def address(self, **changes: object) -> str:
        """The address of this page with other values in its query; None takes one away."""
        kept: dict[str, str] = {k: v for k, v in self.request.query.items() if k != "said"}
        kept.update({name: str(value) for name, value in changes.items() if value is not None})
        for name in [name for name, value in changes.items() if value is None]:
            kept.pop(name, None)
        return str(self.request.rel_url.with_query(kept))


@dataclass(frozen=True, slots=True)
class Page:
    """One page; see above. ``path`` is written as aiohttp's routes are, such as ``/jobs/{number}``."""

    path: str
    title: str
    show: Callable[[Visit], Awaitable[Given]]
    """Raises UserError, whose words are shown, for instance for a job that there is not."""
    place: int = 0
    """Where it stands in the navigation, the lower the earlier; 0 for nowhere."""
    role: Role = Role.ADMIN
    """Who may see it, at least; its commands have roles of their own."""
    icon: str = ""
    """Which of ``static/panel-icons.svg`` stands for it there."""
    commands: frozenset[str] = frozenset()
    """The names of the commands that its forms may give."""
    picture: Callable[[Visit], Awaitable[bytes | None]] | None = None
    """Gives the JPEG that stands at the page's address with ``/{number}.jpg`` behind it; None where there is none."""
    words: Callable[[Fields], str] | None = None
    """Makes a command of a form whose fields are more than ``do``. Raises UserError."""
