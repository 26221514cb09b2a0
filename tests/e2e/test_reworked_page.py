"""What was made of a video plays in a real browser, in the size that it was given."""

import pytest

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.web.chat import serve_chat
from tests.browser import DESKTOP, open_page, plays

MADE = {
    "/trim 1-3": (640, 360),
    "/trim 1-2 4-5": (640, 360),
    "/trim 1-2 --exact": (640, 360),
    "/split 2": (640, 360),
    "/merge #1 #2": (640, 360),
    "/convert 480": (640, 360),
    "/scale 180": (320, 180),
    "/crop 9:16": (202, 360),
    "/rotate 90": (360, 640),
    "/normalize": (640, 360),
    "/gif": (640, 360),
    "/round": (360, 360),
}


@pytest.mark.timeout(300)
async def test_what_was_made_of_a_video_plays(stage: Stage) -> None:
    """Of a split, every part does."""
    for name in ("clip.mp4", "sequel.mp4"):
        await play(stage, [Line(text=f"/dl sample:{name}")])
    first = next(m.id for m in await stage.owner.history(stage.owner.user_id) if m.file)
    seen = {m.id for m in await stage.owner.history(stage.owner.user_id)}
    async with serve_chat(stage.owner, ()) as url, open_page(url, DESKTOP) as page:
        for command, size in MADE.items():
            await play(stage, [Line(text=command, reply_to=first)])
            fresh = [m for m in await stage.owner.history(stage.owner.user_id) if m.id not in seen]
            seen |= {m.id for m in fresh}
            made = [m for m in fresh if m.file]
            assert len(made) == (2 if command == "/split 2" else 1), (command, [m.text for m in fresh])
            for one in made:
                assert await plays(page, f"video[src*='/{one.id}']") == size, command
