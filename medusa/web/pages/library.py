"""What was posted where, and the search through it."""

from medusa.commands.listing import NEWEST
from medusa.library import link_of
from medusa.model import Spot
from medusa.names import display_name
from medusa.storage.library import Post
from medusa.web.page import Given, Page, Visit

POSTS = 30


async def _show(visit: Visit) -> Given:
    posts, text = visit.desk.library.posts, visit.query.get("text", "").strip()[:200]
    before = visit.number("before", NEWEST)
    found = await (posts.find(text, POSTS + 1, before) if text else posts.recent(POSTS + 1, before))
    rows = [
        {
            "post": post,
            "link": link_of(post),
            "title": display_name(post.title or post.name),
            "kind": _kind(post),
            "pictured": _has_picture(post),
            "place": visit.desk.destinations.shown(Spot(post.chat_id)),
        }
        for post in found[:POSTS]
    ]
    turns = {"more": len(found) > POSTS, "newest": before == NEWEST}
    return {"rows": rows, "text": text, **turns}


async def _picture(visit: Visit) -> bytes | None:
    post = await visit.desk.library.posts.get(visit.number("number"))
    return (
        await visit.desk.thumbs.of(post.chat_id, post.message_id) if post is not None and _has_picture(post) else None
    )


def _has_picture(post: Post) -> bool:
    """Whether a post is of a kind that Telegram keeps small pictures of."""
    return post.photo or post.mime.startswith(("video/", "image/"))


def _kind(post: Post) -> str:
    """A word for what kind of a file it is."""
    head = post.mime.partition("/")[0]
    return "photo" if post.photo else head if head in ("video", "audio", "image", "text") else "file"


PAGE = Page(path="/library", title="Library", show=_show, place=20, icon="library", picture=_picture)
