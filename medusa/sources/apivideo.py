"""Fetches private videos of courses that are hosted at api.video, https://docs.api.video/reference/api/Videos."""

import re

from medusa.sources.courses import Resolver, course

RESOLVER = Resolver(
    name="api.video",
    site="api.video",
    rank=5,
    pattern=re.compile(r"https?://(?:embed|vod)\.api\.video/vod/(?P<id>vi[A-Za-z0-9]{10,40})", re.IGNORECASE),
    endpoint="https://ws.api.video/videos/{id}",
    headers={"Authorization": "Bearer {token}"},
    urls=("assets.hls", "assets.mp4"),
    title="title",
    message="title",
    examples=("https://embed.api.video/vod/vi4k0jvEUuaTdRAEjQ4Prklg",),
)

SOURCE = course(RESOLVER)
