"""Fetches from the big video sites through yt-dlp, without looking at the link first."""

import re

from medusa.sources import Source, ranged, ytdlp

_HOSTS = (
    "youtube.com youtu.be youtube-nocookie.com instagram.com tiktok.com x.com twitter.com facebook.com fb.watch"
    " vimeo.com dailymotion.com dai.ly twitch.tv reddit.com redd.it soundcloud.com bilibili.com b23.tv vk.com"
    " vkvideo.ru ok.ru rutube.ru streamable.com bandcamp.com mixcloud.com ted.com rumble.com odysee.com"
    " nicovideo.jp threads.net pinterest.com"
)
_HOST = "|".join(re.escape(host) for host in _HOSTS.split())
_SITE = rf"(?:[\w-]+\.)*(?:{_HOST})(?::\d+)?(?:[/?#]|\Z)"

SOURCE = Source(
    name="sites",
    rank=10,
    pattern=re.compile(f"https?://{_SITE}", re.IGNORECASE),
    resolve=ytdlp.resolve,
    fetch=ytdlp.fetch,
    read=ranged.read,
    examples=(
        "https://www.youtube.com/watch?v=aqz-KE-bpKQ",
        "https://youtu.be/aqz-KE-bpKQ",
        "https://vimeo.com/1084537",
    ),
    describe=ytdlp.describe,
)
