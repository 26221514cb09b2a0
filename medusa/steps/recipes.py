"""The recipes by which video is converted: those that Medusa brings, and what the owner's may consist of."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from medusa.errors import UserError
from medusa.names import brief, quoted
from medusa.steps.draft import FITS_MP4, Draft, Track
from medusa.steps.frames import even, within

MOST_WORDS = 60
_EVERYWHERE = frozenset({"yuv420p", "yuvj420p"})
"""How pictures are stored that every player can show."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a video is to become; what satisfies it already is taken over as it is.

    ``video`` and ``audio`` are the codecs, empty for any that the container holds; ``lines`` is the most that the
    shorter side of the pictures may have. ``squeeze`` are settings for which pictures and sound are always encoded.
    """

    about: str
    ending: str
    video: str = ""
    audio: str = ""
    lines: int | None = None
    squeeze: tuple[tuple[str, ...], tuple[str, ...]] | None = None


BUILT_IN: Mapping[str, Recipe] = {
    "phone": Recipe("plays on every phone: H.264 of up to 1080 lines, AAC, MP4", "mp4", "h264", "aac", 1080),
    "720": Recipe("the same with up to 720 lines", "mp4", "h264", "aac", 720),
    "480": Recipe("the same with up to 480 lines", "mp4", "h264", "aac", 480),
    "small": Recipe(
        "up to 480 lines, squeezed hard", "mp4", "h264", "aac", 480, (("-crf", "29"), ("-b:a", "64k", "-ac", "2"))
    ),
    "hevc": Recipe("H.265, half as large at the same quality, AAC, MP4", "mp4", "hevc", "aac"),
    "mkv": Recipe("Matroska, with everything as it is", "mkv"),
    "mp4": Recipe("MP4; only what it cannot hold is encoded", "mp4"),
}


def named(text: str, names: Collection[str]) -> str:
    """The recipe among ``names`` that is meant. Raises UserError that tells the nearest one."""
    wanted = " ".join(text.split())
    name = wanted.lower().removesuffix("p") if wanted[:1].isdigit() else wanted.lower()
    if name in names:
        return name
    if not name:
        raise UserError(f"By which recipe? There are {', '.join(names)}.")
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(names)}."
    raise UserError(f"There is no recipe {quoted(wanted)}. {hint}")


def no_words(text: str) -> str:
    """Nothing, which is all that a switch takes. Raises UserError."""
    if text.strip().lower() not in ("", "on"):
        raise UserError(f"Nothing stands behind it, and {quoted(text)} is neither a link nor a job like #12.")
    return "on"


def read_recipe(text: str) -> str:
    """The name of a built-in recipe, or arguments such as ``-c:v hevc -crf 28``, as they are kept. Raises UserError."""
    wanted = " ".join(text.split())
    if wanted.startswith("-"):
        return " ".join(word for pair in _pairs(wanted.split()) for word in pair)
    return named(wanted, BUILT_IN)


def follow(draft: Draft, recipe: Recipe) -> Draft:
    """The draft that makes what a recipe says."""
    if recipe.lines is not None:
        draft = within(draft, recipe.lines, "converted")
    draft = replace(draft, ending=recipe.ending)
    if recipe.squeeze is not None:
        video, audio = recipe.squeeze
        draft = replace(draft, video=replace(draft.video, codec=recipe.video, settings=video))
        return (
            replace(draft, audio=replace(draft.audio, codec=recipe.audio, settings=audio)) if draft.has_audio else draft
        )
    if recipe.video == "h264":
        return heard(playable(draft))
    if recipe.video:
        return heard(_encoded(draft, recipe.video))
    return _held(draft) if recipe.ending == "mp4" else draft


def playable(draft: Draft) -> Draft:
    """The draft whose pictures every player can show: H.264 with 8 bits; taken over where they are so already."""
    media = draft.media
    plays = media.video_codec == "h264" and media.pixels in _EVERYWHERE and not media.hdr
    return draft if plays and not draft.video.encodes else _encoded(draft, "h264")


def heard(draft: Draft) -> Draft:
    """The draft whose sound every player can play: AAC on one or two channels; taken over where it is so already."""
    if not draft.has_audio:
        return draft
    few = draft.media.channels in ("mono", "stereo")
    if draft.media.audio_codec == "aac" and few and not draft.audio.encodes:
        return draft
    settings = draft.audio.settings if few else (*draft.audio.settings, "-ac", "2")
    return replace(draft, audio=replace(draft.audio, codec="aac", settings=settings))


def _encoded(draft: Draft, codec: str) -> Draft:
    if draft.media.video_codec == codec and not draft.video.encodes and codec != "h264":
        return draft
    return replace(draft, video=replace(draft.video, codec=codec))


def _held(draft: Draft) -> Draft:
    """The draft of which MP4 can hold everything."""
    if draft.video.makes(draft.media.video_codec, "h264") not in FITS_MP4[0]:
        draft = _encoded(draft, "h264")
    if draft.has_audio and draft.audio.makes(draft.media.audio_codec, "aac") not in FITS_MP4[1]:
        draft = replace(draft, audio=replace(draft.audio, codec="aac"))
    return draft


_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,3})?")
_RATE = re.compile(r"\d{1,9}(?:\.\d{1,3})?[kKM]?")
_FRAMES = re.compile(r"[1-9]\d{0,2}(?:\.\d{1,3})?|[1-9]\d{0,5}/[1-9]\d{0,4}")
_PRESET = re.compile(r"ultrafast|superfast|veryfast|faster|fast|medium|slow|slower|veryslow|\d{1,2}")
_TUNE = re.compile(r"film|animation|grain|stillimage|fastdecode")
_VIDEO = ("h264", "libx264", "hevc", "libx265", "av1", "libsvtav1", "vp9", "libvpx-vp9", "copy")
_AUDIO = ("aac", "mp3", "libmp3lame", "opus", "libopus", "ac3", "flac", "copy")
_ENDINGS = {"mp4": "mp4", "mkv": "mkv", "matroska": "mkv", "webm": "webm"}
_ALLOWED: Mapping[str, re.Pattern[str]] = {
    "-c:v": re.compile("|".join(_VIDEO)),
    "-c:a": re.compile("|".join(_AUDIO)),
    "-crf": re.compile(r"\d{1,2}"),
    "-preset": _PRESET,
    "-tune": _TUNE,
    **dict.fromkeys(("-b:v", "-b:a", "-maxrate", "-bufsize"), _RATE),
    "-r": _FRAMES,
    "-g": re.compile(r"[1-9]\d{0,3}"),
    "-ac": re.compile(r"[1-8]"),
    "-ar": re.compile(r"[1-9]\d{3,5}"),
    "-f": re.compile("|".join(_ENDINGS)),
    "-vf": re.compile(r".+"),
}
"""The arguments that a recipe may have, and what their values look like."""
_SIDE = r"(?:-[12]|[1-9]\d{1,3})"
_FILTERS: Mapping[str, re.Pattern[str]] = {
    "scale": re.compile(rf"{_SIDE}:{_SIDE}"),
    "fps": _FRAMES,
    "crop": re.compile(r"[1-9]\d{1,3}:[1-9]\d{1,3}(?::\d{1,4}:\d{1,4})?"),
    "transpose": re.compile(r"[0-3]|clock|cclock|clock_flip|cclock_flip"),
    **dict.fromkeys(("hflip", "vflip", "yadif", "bwdif", "hqdn3d"), re.compile(r"")),
}
"""The filters that a recipe may have, and what stands behind them."""
_OTHERWISE = {"-vcodec": "-c:v", "-codec:v": "-c:v", "-acodec": "-c:a", "-codec:a": "-c:a", "-filter:v": "-vf"}


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The arguments of a recipe, each with its value. Raises UserError for what it may not have."""
    if len(words) > MOST_WORDS:
        raise UserError(f"A recipe has at most {MOST_WORDS} words.")
    given: set[str] = set()
    for place in range(0, len(words), 2):
        flag, value = _OTHERWISE.get(words[place], words[place]), words[place + 1] if place + 1 < len(words) else ""
        allowed = _ALLOWED.get(flag)
        if allowed is None:
            raise UserError(f"{quoted(brief(flag))} may not stand in a recipe, but {', '.join(_ALLOWED)} may.")
        if flag in given:
            raise UserError(f"In the recipe, {flag} stands twice.")
        given.add(flag)
        if not allowed.fullmatch(value):
            raise UserError(f"In a recipe, {flag} does not take {quoted(brief(value))}.")
        if flag == "-vf":
            list(_chain(value))
        yield flag, value


def _chain(text: str) -> Iterator[tuple[str, str]]:
    """The filters of a recipe, each with what stands behind it. Raises UserError for what it may not have."""
    for one in text.split(","):
        name, _, value = one.partition("=")
        if name not in _FILTERS:
            raise UserError(
                f"The filter {quoted(brief(name))} may not stand in a recipe, but {', '.join(_FILTERS)} may."
            )
        if not _FILTERS[name].fullmatch(value):
            raise UserError(f"The filter {name} does not take {quoted(brief(value))} in a recipe.")
        yield name, value


def obey(draft: Draft, recipe: str) -> Draft:
    """The draft that does what the arguments of the owner's recipe say."""
    given = dict(_pairs(recipe.split()))
    for name, value in _chain(given["-vf"]) if "-vf" in given else ():
        draft = _through(draft, name, value)
    video = _settings(given, ("-crf", "-preset", "-tune", "-b:v", "-maxrate", "-bufsize", "-r", "-g"))
    audio = _settings(given, ("-b:a", "-ac", "-ar"))
    made = replace(
        draft,
        ending=_ENDINGS.get(given.get("-f", ""), draft.ending),
        video=_chosen(draft.video, given.get("-c:v", ""), video, "h264"),
    )
    return replace(made, audio=_chosen(draft.audio, given.get("-c:a", ""), audio, "aac")) if draft.has_audio else made


def _settings(given: Mapping[str, str], flags: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for flag in flags if flag in given for word in (flag, given[flag]))


def _chosen(track: Track, codec: str, settings: tuple[str, ...], usual: str) -> Track:
    """The track as a recipe has it: its settings without a codec mean that it is encoded, to the usual one."""
    if codec == "copy" or (not codec and not settings):
        return track
    return replace(track, codec=codec or usual, settings=(*track.settings, *settings))


def _through(draft: Draft, name: str, value: str) -> Draft:
    """The draft with one more filter, and the size that comes of it."""
    words = f"{name}={value}" if value else name
    size = draft.size
    if size is None:
        return replace(draft, video=draft.video.through(words))
    if name == "scale":
        wide, high = (int(side) for side in value.split(":"))
        size = (
            wide if wide > 0 else even(size[0] * high / size[1]) if high > 0 else size[0],
            high if high > 0 else even(size[1] * wide / size[0]) if wide > 0 else size[1],
        )
    elif name == "crop":
        size = int(value.split(":", maxsplit=1)[0]), int(value.split(":")[1])
    elif name == "transpose":
        size = size[1], size[0]
    return draft.seen(*size, words)
