"""Fetches from any other web page through yt-dlp, which knows many sites and looks for embedded videos in the rest."""

import re

from medusa.sources import Source, ranged, ytdlp

SOURCE = Source(
    name="pages",
    rank=90,
    pattern=re.compile(r"https?://", re.IGNORECASE),
    resolve=ytdlp.resolve,
    fetch=ytdlp.fetch,
    read=ranged.read,
    examples=("https://example.com/lessons/first.html",),
    describe=ytdlp.describe,
)
