"""What the extractors of the big sites answer, cut down to what decides: written with yt-dlp's own field names."""

from typing import Any

MB = 1_000_000
GOOGLE = "https://rr1---sn-x.googlevideo.com/videoplayback?expire=1"


def _picture(number: str, height: int, codec: str, ext: str, size: int) -> dict[str, Any]:
    return {
        "format_id": number,
        "url": f"{GOOGLE}&itag={number}",
        "ext": ext,
        "protocol": "https",
        "container": f"{ext}_dash",
        "width": height * 16 // 9,
        "height": height,
        "fps": 30,
        "vcodec": codec,
        "acodec": "none",
        "filesize": size,
        "tbr": size / 60_000,
        "downloader_options": {"http_chunk_size": 10_485_760},
    }


def _sound(number: str, codec: str, ext: str, size: int) -> dict[str, Any]:
    picture = _picture(number, 0, "none", ext, size)
    return {**picture, "acodec": codec, "width": None, "height": None, "fps": None, "audio_channels": 2}


def _whole(number: str, url: str, height: int, **more: object) -> dict[str, Any]:
    return {"format_id": number, "url": url, "ext": "mp4", "height": height, "width": height * 9 // 16, **more}


YOUTUBE = {
    "id": "aqz-KE-bpKQ",
    "title": "Big Buck Bunny 60fps 4K",
    "extractor": "youtube",
    "extractor_key": "Youtube",
    "uploader": "Blender",
    "channel": "Blender",
    "upload_date": "20141110",
    "duration": 635,
    "live_status": "not_live",
    "chapters": [{"start_time": 0, "end_time": 60, "title": "One"}, {"start_time": 60, "end_time": 635, "title": "2"}],
    "subtitles": {"en": [{"url": "https://www.youtube.com/api/timedtext?lang=en", "ext": "vtt"}]},
    "automatic_captions": {"de": [{"url": "https://www.youtube.com/api/timedtext?lang=de", "ext": "vtt"}]},
    "formats": [
        {"format_id": "sb0", "url": "https://i.ytimg.com/sb/x", "ext": "mhtml", "protocol": "mhtml", "vcodec": "none",
         "acodec": "none", "format_note": "storyboard"},
        _sound("251", "opus", "webm", 9 * MB),
        _sound("140", "mp4a.40.2", "m4a", 10 * MB),
        _whole("18", f"{GOOGLE}&itag=18", 360, vcodec="avc1.42001E", acodec="mp4a.40.2", filesize=40 * MB),
        _picture("136", 720, "avc1.4d401f", "mp4", 120 * MB),
        _picture("247", 720, "vp9", "webm", 90 * MB),
        _picture("299", 1080, "avc1.64002a", "mp4", 400 * MB),
        _picture("303", 1080, "vp9", "webm", 300 * MB),
        _picture("315", 2160, "vp9", "webm", 2_500 * MB),
        _picture("401", 2160, "av01.0.13M.08", "mp4", 2_100 * MB),
    ],
}  # fmt: skip

INSTAGRAM = {
    "id": "DAxample",
    "title": "Video by someone",
    "extractor": "Instagram",
    "extractor_key": "Instagram",
    "uploader": "Some One",
    "upload_date": "20260102",
    "duration": 21.5,
    "formats": [
        _whole("0", "https://scontent.cdninstagram.com/v/a.mp4", 1280, protocol="https"),
        {**_whole("dash-1v", "https://scontent.cdninstagram.com/v/b.mp4", 1920, protocol="https"),
         "vcodec": "vp09.00.40.08", "acodec": "none", "tbr": 1500},
        {"format_id": "dash-1a", "url": "https://scontent.cdninstagram.com/v/c.m4a", "ext": "m4a", "protocol": "https",
         "vcodec": "none", "acodec": "mp4a.40.5", "tbr": 96},
    ],
}  # fmt: skip

TIKTOK = {
    "id": "7000000000000000001",
    "title": "A dance #fyp",
    "extractor": "TikTok",
    "extractor_key": "TikTok",
    "uploader": "dancer",
    "upload_date": "20260203",
    "duration": 14,
    "formats": [
        _whole("download", "https://v16.tiktokcdn.com/wm.mp4", 1024, vcodec="h264", acodec="aac", filesize=3 * MB,
               preference=-2, format_note="watermarked", cookies="tt_chain_token=x; Domain=.tiktok.com; Path=/"),
        _whole("h264_540p", "https://v16.tiktokcdn.com/a.mp4", 1024, vcodec="h264", acodec="aac", filesize=2 * MB,
               cookies="tt_chain_token=x; Domain=.tiktok.com; Path=/"),
        _whole("bytevc1_720p", "https://v16.tiktokcdn.com/b.mp4", 1280, vcodec="h265", acodec="aac", filesize=4 * MB,
               cookies="tt_chain_token=x; Domain=.tiktok.com; Path=/"),
    ],
}  # fmt: skip

X = {
    "id": "1800000000000000001",
    "title": "Somebody - Look at this",
    "extractor": "twitter",
    "extractor_key": "Twitter",
    "uploader": "Somebody",
    "upload_date": "20260304",
    "duration": 42.0,
    "formats": [
        {"format_id": "hls-audio", "url": "https://video.twimg.com/a/audio.m3u8", "ext": "mp4",
         "protocol": "m3u8_native", "vcodec": "none", "acodec": "mp4a.40.2", "manifest_url": "https://video.twimg.com/a/pl.m3u8"},
        {**_whole("hls-1000", "https://video.twimg.com/a/720.m3u8", 720, protocol="m3u8_native", vcodec="avc1.640020"),
         "acodec": "none", "tbr": 1000},
        _whole("http-832", "https://video.twimg.com/a/360.mp4", 360, protocol="https", tbr=832),
        _whole("http-2176", "https://video.twimg.com/a/720.mp4", 720, protocol="https", tbr=2176),
    ],
}  # fmt: skip

FACEBOOK = {
    "id": "1000000000000001",
    "title": "A day at the lake",
    "extractor": "facebook",
    "extractor_key": "Facebook",
    "uploader": "A Page",
    "upload_date": "20260405",
    "duration": 60.0,
    "formats": [
        {"format_id": "sd", "url": "https://video.xx.fbcdn.net/sd.mp4", "ext": "mp4", "quality": -3},
        {"format_id": "hd", "url": "https://video.xx.fbcdn.net/hd.mp4", "ext": "mp4", "quality": -2},
        {**_whole("1v", "https://video.xx.fbcdn.net/1.mp4", 1080, protocol="https", vcodec="avc1.640028"),
         "acodec": "none", "tbr": 2000, "container": "mp4_dash"},
        {"format_id": "1a", "url": "https://video.xx.fbcdn.net/a.m4a", "ext": "m4a", "protocol": "https",
         "vcodec": "none", "acodec": "mp4a.40.5", "tbr": 64, "container": "m4a_dash"},
    ],
}  # fmt: skip
