"""Shows posts of the library as a list with links."""

from collections.abc import Sequence

from markupsafe import Markup

from medusa.commands import Call, Option
from medusa.commands.people import whose
from medusa.errors import UserError
from medusa.library import link_of
from medusa.names import quoted
from medusa.storage.library import Post
from medusa.words import moment, short, size

PAGE = 10
"""Posts on one page."""
NEWEST = 2**63 - 1
"""Above every number."""
BEFORE = Option(("-b", "--before"), "only posts with lower numbers, as the last line of a page says", "a number")


def before(call: Call) -> int:
    """The number below which the page begins. Raises UserError."""
    return number(call.options["before"]) if "before" in call.options else NEWEST


def number(text: str) -> int:
    """The number of what stands in a list. Raises UserError."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise UserError(f"{quoted(text)} is no number. Numbers stand at the beginning of each line of the list.")
    return int(digits)


def page(posts: Sequence[Post], call: Call, further: str) -> Markup:
    """Up to PAGE of the posts, one a line; where there are more, ``further`` is the command that shows them."""
    shown = posts[:PAGE]
    lines = [Markup("{}{}").format(_line(post), whose(call, post.person)) for post in shown]
    if any(link_of(post) is None for post in shown):
        lines.append(Markup("To one in Saved Messages: <code>{}history --show N</code>").format(call.prefix))
    if len(posts) > PAGE:
        lines.append(Markup("Older: <code>{}{} --before {}</code>").format(call.prefix, further, shown[-1].id))
    return Markup("\n").join(lines)


def _line(post: Post) -> Markup:
    name, link = short(post.title or post.name), link_of(post)
    title = Markup('<a href="{}">{}</a>').format(link, name) if link else Markup("{}").format(name)
    return Markup("<b>{}</b> {} · {} · {}").format(post.id, title, size(post.size), moment(post.at))
