"""What can be told of a link without fetching it."""

from dataclasses import dataclass

from medusa.model import LocalFile
from medusa.names import display_name
from medusa.words import size


@dataclass(frozen=True, slots=True)
class Version:
    """One version that a site offers: the word that ``-q`` takes for it, what it is made of, its size in bytes.

    ``exact`` says whether the size is more than an estimate; it is None while unknown.
    """

    quality: str
    form: str
    size: int | None = None
    exact: bool = True

    @property
    def name(self) -> str:
        """What to call it: ``1080p``, or ``audio``."""
        return f"{self.quality}p" if self.quality.isdigit() else self.quality

    def __str__(self) -> str:
        """One line: its name, its codecs and its size."""
        about = "" if self.exact else "about "
        parts = [self.name, self.form, f"{about}{size(self.size)}" if self.size else "size unknown"]
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a playlist.

    ``key`` tells it from the others for as long as it is listed, whatever its link is by then. ``published`` is a date
    such as 2026-03-01 and ``duration`` seconds; few lists tell these. ``many`` says that it is a list itself.
    """

    link: str
    title: str
    key: str = ""
    published: str = ""
    duration: float | None = None
    many: bool = False

    @property
    def named(self) -> bool:
        """Whether the list has a title for it, which is else its link."""
        return self.title != display_name(self.link)


@dataclass(frozen=True, slots=True)
class Description:
    """What a link leads to; whatever is empty or None is unknown or does not apply.

    ``kind`` is a word such as "video" or "playlist", ``published`` a date, ``duration`` seconds and ``size`` bytes.
    ``versions`` stand best first; ``taken`` is the one that would be fetched, and ``why`` says for what reason.
    ``entries`` are those items of a playlist that were asked for, ``count`` is how many it has in all, and ``skipped``
    how many of those asked for lead nowhere that may be fetched.
    """

    title: str
    kind: str
    site: str = ""
    author: str = ""
    published: str = ""
    duration: float | None = None
    size: int | None = None
    resumable: bool | None = None
    versions: tuple[Version, ...] = ()
    taken: Version | None = None
    why: str = ""
    chapters: int = 0
    subtitles: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    count: int | None = None
    skipped: int = 0
    files: tuple[LocalFile, ...] = ()
    """What is known of the files where a look shows them; nothing is at their paths."""
    as_it_is: bool = False
    """Whether Telegram holds the very files, and posts them again without a byte being sent."""
