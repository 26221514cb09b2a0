"""What yt-dlp complains of, in its own recorded words, and what the owner is told of it."""

import re

import pytest

from medusa.errors import Broken, DiskFull, Scope, Transient, UserError
from medusa.sources.ytdlp_errors import explain

FAQ = "See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies"
LOGIN = f"Use --cookies-from-browser or --cookies for the authentication. {FAQ}"
ANY = f"Use --cookies, --cookies-from-browser, --username and --password, --netrc-cmd, or --netrc (vimeo). {FAQ}"
REPORT = (
    "; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate issue "
    "template. Confirm you are on the latest version using  yt-dlp -U"
)
VPN = "\nYou might want to use a VPN or a proxy server (with --proxy) to workaround."
NO_RUNTIME = "WARNING: [youtube] No supported JavaScript runtime could be found. Only deno is enabled by default\n"

CASES = [
    ("/usr/bin/python3: No module named yt_dlp", UserError, "not installed"),
    ("ERROR: Unsupported URL: https://x.org/login", UserError, "Nothing"),
    ("ERROR: [generic] 'x:y' is not a valid URL", UserError, "Nothing"),
    (
        "ERROR: [youtube:truncated_id] x: Incomplete YouTube ID x. URL https://youtu.be/x looks truncated.",
        UserError,
        "No",
    ),
    ("ERROR: [Errno 28] No space left on device", DiskFull, "disk"),
    ("ERROR: unable to write data: [Errno 27] File too large", UserError, "bigger"),
    ("ERROR: MemoryError", Transient, "memory"),
    ("WARNING: [generic] Falling back on generic information extractor\nERROR: \n", Transient, "memory"),
    # Dead
    ("ERROR: [youtube] x: Video unavailable. This video has been removed", UserError, "dead"),
    ("ERROR: [youtube] x: Video unavailable", UserError, "dead"),
    (
        "ERROR: [youtube] x: Video unavailable. This video is no longer available due to a copyright claim",
        UserError,
        "dead",
    ),
    ("ERROR: [youtube] x: This video has been removed for violating YouTube's Terms of Service", UserError, "dead"),
    ("ERROR: [youtube] x: The YouTube account associated with this video has been terminated", UserError, "dead"),
    ("ERROR: [twitter] 1: Requested tweet is unavailable", UserError, "dead"),
    ("ERROR: [twitter] 1: Suspended", UserError, "dead"),
    (
        "ERROR: [vimeo] 1: Unable to download webpage: HTTP Error 404: Not Found (caused by <HTTPError 404>)",
        UserError,
        "dead",
    ),
    ("ERROR: unable to download video data: HTTP Error 410: Gone", UserError, "dead"),
    ("ERROR: [twitch:clips] x: This clip is no longer available", UserError, "dead"),
    (f"ERROR: [TikTok] 1: Video not available, status code 10204{REPORT}", UserError, "dead"),
    ("ERROR: [twitch:stream] x: x does not exist", UserError, "dead"),
    # Private
    ("ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video", UserError, "private"),
    (f"ERROR: [vimeo] 1: Private video. Login if you have permissions to watch. {ANY}", UserError, "private"),
    (f"ERROR: [twitter] 1: You are not authorized to view this protected tweet. {LOGIN}", UserError, "private"),
    (
        "ERROR: [TikTok] 1: You do not have permission to view this post. Log into an account that has access. "
        f"{LOGIN}",
        UserError,
        "private",
    ),
    (
        f"ERROR: [tiktok:user] u: This user's account is private. Log into an account that has access. {LOGIN}",
        UserError,
        "private",
    ),
    (
        f"ERROR: [Reddit] 1: Private subreddit; an account that has been approved is required. {LOGIN}",
        UserError,
        "private",
    ),
    # Geo-blocked
    ("ERROR: [youtube] x: The uploader has not made this video available in your country", UserError, "country"),
    (
        "ERROR: [youtube] x: Video unavailable. This video contains content from X, who has blocked it in your country "
        "on copyright grounds",
        UserError,
        "country",
    ),
    (
        f"ERROR: [BiliBili] x: This video is not available from your location due to geo restriction{VPN}",
        UserError,
        "country",
    ),
    ("ERROR: [youku] x: Youku said: Sorry, this video is available in China only", UserError, "country"),
    (
        "ERROR: [generic] Unable to download webpage: HTTP Error 451: Unavailable For Legal Reasons",
        UserError,
        "country",
    ),
    # Login
    (f"ERROR: [Instagram] x: You need to log in to access this content. {LOGIN}", UserError, "login"),
    (f"ERROR: [Instagram] x: This content is unreachable. {LOGIN}", UserError, "login"),
    (
        "ERROR: [Instagram] x: Instagram sent an empty media response. Check if this post is accessible in your "
        f"browser without being logged-in. If it is not, then use --cookies. {FAQ}. Otherwise{REPORT}",
        UserError,
        "login",
    ),
    (f"ERROR: [facebook] 1: This video is only available for registered users. {LOGIN}", UserError, "login"),
    (f"ERROR: [TikTok] 1: TikTok is requiring login for access to this content. {LOGIN}", UserError, "login"),
    (f"ERROR: [Douyin] 1: Fresh cookies (not necessarily logged in) are needed. {LOGIN}", UserError, "login"),
    (f"ERROR: [vimeo] 1: The web client only works when logged-in. {ANY}", UserError, "login"),
    (f"ERROR: [Reddit] 1: Account authentication is required. {LOGIN}", UserError, "login"),
    ("ERROR: [generic] x: Unable to download webpage: HTTP Error 401: Unauthorized", UserError, "login"),
    ("ERROR: [niconico] x: Unable to login: Invalid mail or password", UserError, "fresh cookies"),
    ("ERROR: [archive] x: Your token has expired or is invalid.", UserError, "fresh cookies"),
    ("ERROR: [generic] x: Unable to download webpage: HTTP Error 403: Forbidden", UserError, "403"),
    ("ERROR: [vimeo] 1: This video is protected by a password, use the --video-password option", UserError, "password"),
    ("ERROR: [youtube] x: Join this channel to get access to members-only content like this video", UserError, "pay"),
    ("ERROR: [youtube] x: This video requires payment to watch.", UserError, "pay"),
    (f"ERROR: [twitch:vod] 1: This VOD is for subscribers only. {ANY}", UserError, "pay"),
    (f"ERROR: [BiliBili] x: This video is for premium members only. {LOGIN}", UserError, "pay"),
    # Age
    (
        f"ERROR: [youtube] x: Sign in to confirm your age. This video may be inappropriate for some users. {LOGIN}",
        UserError,
        "adults",
    ),
    (f"ERROR: [twitter] 1: NSFW tweet requires authentication. {LOGIN}", UserError, "adults"),
    (
        f"ERROR: [TikTok] 1: This post may not be comfortable for some audiences. Log in for access. {LOGIN}",
        UserError,
        "adults",
    ),
    # Robots and rates
    (f"ERROR: [youtube] x: Sign in to confirm you’re not a bot. {LOGIN}", UserError, "robot"),
    ("ERROR: [youtube] x: Sign in to confirm you're not a bot. This helps protect our community", UserError, "robot"),
    (
        "ERROR: [youtube] x: All player responses are invalid. Your IP is likely being blocked by Youtube",
        UserError,
        "robot",
    ),
    ("ERROR: [TikTok] 1: Your IP address is blocked from accessing this post", UserError, "robot"),
    (
        "ERROR: [generic] Got HTTP Error 403 caused by Cloudflare anti-bot challenge; try again with  --extractor-args "
        '"generic:impersonate"',
        UserError,
        "robot",
    ),
    (
        "ERROR: [vimeo] 1: This request has been blocked due to its TLS fingerprint. Install a required",
        UserError,
        "robot",
    ),
    ("ERROR: [generic] Unable to download webpage: HTTP Error 429: Too Many Requests", Transient, "alone"),
    (
        "ERROR: [instagram] x: Requested content is not available, rate-limit reached or login required",
        Transient,
        "alone",
    ),
    (
        "ERROR: [Instagram] x: The webpage request was redirected to the login page. You have exceeded the rate-limit "
        f"for accessing posts anonymously. {LOGIN}",
        Transient,
        "/cookies",
    ),
    ("ERROR: [BiliBili] x: Request is blocked by server (412), please wait and try later.", Transient, "alone"),
    (
        "ERROR: [youtube] x: Video unavailable. This content isn't available, try again later. The current session has "
        "been rate-limited by YouTube for up to an hour. It is recommended to use `-t sleep` to add a delay",
        Transient,
        "an hour",
    ),
    # Live
    ("ERROR: [youtube] x: This live event will begin in 5 hours.", Transient, "not begun"),
    ("ERROR: [youtube] x: Premieres in 3 days", Transient, "not begun"),
    ("ERROR: [youtube] x: This live event will begin in a few moments.", Transient, "not begun"),
    ("ERROR: [vimeo:event] 1: This live event is scheduled for 2026-12-01T10:00:00+00:00", Transient, "not begun"),
    ("ERROR: [twitter:broadcast] 1: This live broadcast has not yet started", Transient, "not begun"),
    ("ERROR: [twitter:spaces] 1: Twitter Space ended but not downloadable yet", Transient, "still works"),
    ("ERROR: [Reddit] 1: This video is processing", Transient, "still works"),
    ("ERROR: [twitch:stream] x: The channel is not currently live", UserError, "Nothing is live"),
    ("ERROR: [youtube] x: This live stream recording is not available.", UserError, "over"),
    ("ERROR: [tiktok:live] x: This livestream has ended", UserError, "over"),
    ("ERROR: [twitter:spaces] 1: Twitter Space ended and replay is disabled", UserError, "over"),
    # DRM, runtime, nothing there
    ("ERROR: [site] x: This video is DRM protected", UserError, "DRM"),
    ("ERROR: The requested site is known to use DRM protection. It will NOT be supported.", UserError, "DRM"),
    (f"{NO_RUNTIME}ERROR: [youtube] x: Requested format is not available. Use --list-formats", UserError, "JavaScript"),
    (f"{NO_RUNTIME}ERROR: [youtube] x: Private video. Sign in", UserError, "private"),
    ("ERROR: [twitter] 1: No video could be found in this tweet", UserError, "Nothing"),
    ("ERROR: [Instagram] x: There is no video in this post", UserError, "Nothing"),
    ("ERROR: [Reddit] 1: No media found", UserError, "Nothing"),
    (f"ERROR: [site] x: No video formats found!{REPORT}", UserError, "Nothing"),
    (
        "ERROR: [site] x: This website is no longer supported since it has been determined to be for piracy.",
        UserError,
        "support",
    ),
    ("ERROR: [site] x: Requested format is not available. Use --list-formats", UserError, "version"),
    ("ERROR: You have requested merging of multiple formats but ffmpeg is not installed", UserError, "ffmpeg"),
    ("ERROR: invalid format string: 'bv*['", UserError, "-f or -S"),
    ('ERROR: Invalid filter specification "height>>2"', UserError, "-f or -S"),
    # Passing
    ("ERROR: unable to download video data: HTTP Error 503: Busy", Transient, "out of order"),
    (
        "ERROR: [site] x: Unable to download webpage: <urlopen error [Errno -2] Name or service not known>",
        Transient,
        "broke off",
    ),
    ("ERROR: [site] x: Unable to download JSON metadata: The read operation timed out", Transient, "broke off"),
    ("ERROR: [hlsnative] fragment 3 not found, unable to continue", Transient, "broke off"),
    ("ERROR: Did not get any data blocks", Transient, "broke off"),
    ("ERROR: content too short (expected 100 bytes and served 50)", Transient, "broke off"),
    ("ERROR: [site] x: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", UserError, "certificate"),
    # What nobody foresaw
    (f"WARNING: x\nERROR: [site] quux broke{REPORT}", Broken, "quux broke"),
    (f"ERROR: [facebook] 1: Cannot parse data{REPORT}", Broken, "Cannot parse data"),
    ("ERROR: [PornHub] x: PornHub said: Come back tomorrow", UserError, "Come back tomorrow"),
    ("ERROR: Postprocessing: Conversion failed!", Broken, "joined"),
    ("", Broken, "without saying why"),
]
JARGON = re.compile(r"--\w|please report|https?://|\[\w+\]|ERROR|extractor|yt-dlp -U|wiki", re.IGNORECASE)


@pytest.mark.parametrize(("text", "kind", "words"), CASES)
def test_complaints_of_yt_dlp(text: str, kind: type[Exception], words: str) -> None:
    error = explain(text, None)
    assert isinstance(error, kind)
    assert words in error.user_text
    assert "\n" not in error.user_text
    assert not JARGON.search(error.user_text)
    assert len(error.user_text) < 260


@pytest.mark.parametrize(
    ("text", "after", "scope"),
    [
        ("ERROR: [youtube] x: This live event will begin in 5 hours.", 5 * 3600, Scope.JOB),
        ("ERROR: [youtube] x: Premieres in 2 weeks", 14 * 86400, Scope.JOB),
        ("ERROR: [youtube] x: Premieres in 999 months", 30 * 86400, Scope.JOB),
        ("ERROR: [youtube] x: This live event will begin in a few moments.", 900, Scope.JOB),
        ("ERROR: HTTP Error 429: Too Many Requests", 120, Scope.HOST),
        (
            "ERROR: [youtube] x: The current session has been rate-limited by YouTube for up to an hour.",
            1800,
            Scope.HOST,
        ),
        ("ERROR: HTTP Error 502: Bad Gateway", 2, Scope.JOB),
    ],
)
def test_how_long_a_passing_trouble_is_waited_for(text: str, after: float, scope: Scope) -> None:
    error = explain(text, None)
    assert isinstance(error, Transient)
    assert (error.retry_after, error.scope) == (after, scope)
    assert 1 < error.tries < 100


@pytest.mark.parametrize("words", ["a" * 200_000, "cookies " * 30_000, " " * 200_000 + "x", "x\nERROR: y " * 9_000])
def test_a_long_complaint_takes_no_longer_than_a_short_one(words: str) -> None:
    """With time that grows with the square, each of these would take minutes."""
    assert len(explain(f"ERROR: [generic] x: HTTP Error 406: {words}", None).user_text) < 300


def test_names_of_extractor_and_video_are_no_words() -> None:
    assert "dead" in explain("ERROR: [private] members-only: Video unavailable", None).user_text


def test_what_the_proxy_refused_goes_first() -> None:
    refusal = UserError("private network")
    assert explain("ERROR: HTTP Error 403", refusal) is refusal
