"""Fetches lessons of ClassPlus, whose streams have to be signed for each viewer."""

import re

from medusa.sources.courses import Resolver, course

RESOLVER = Resolver(
    name="ClassPlus",
    site="classplusapp.com",
    rank=4,
    # A link that brings a query has been signed already.
    pattern=re.compile(r"https?://(?:[\w-]+\.)+classplusapp\.com/[^?#]*\.(?:m3u8|mpd)(?:#.*)?\Z", re.IGNORECASE),
    endpoint="https://api.classplusapp.com/cams/uploader/video/jw-signed-url?url={link}",
    headers={"x-access-token": "{token}"},
    urls=("url",),
    examples=("https://media-cdn.classplusapp.com/lessons/5f1c2d/master.m3u8",),
)

SOURCE = course(RESOLVER)
