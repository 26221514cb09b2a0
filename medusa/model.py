"""The frozen nouns that travel through the house."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit


class JobState(StrEnum):
    """Where a job stands in its life; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True for the states that a job never leaves by itself."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Priority(StrEnum):
    """How soon a job gets its turn, and how large its share of the bandwidth is."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Notice(StrEnum):
    """The kinds of news that the owner may want to hear of, or not."""

    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"
    SESSION = "session"
    DISK = "disk"
    SECRETS = "secrets"
    NETWORK = "network"
    BACKUP = "backup"
    MEMORY = "memory"
    FAILURES = "failures"
    FLOOD = "flood"
    UPDATE = "update"


KIND = re.compile(r"[a-z0-9_]{1,30}:(?=https?://)", re.IGNORECASE)
"""What may stand before a link to say of what kind its site is, such as ``mastodon:``."""

Tell = Callable[[Notice, str], None]
"""Has one line of news told to the owner; plain, synchronous, never raises."""


class Stage(StrEnum):
    """What a running job is doing, in the order in which it is done; ``STREAM`` stands for all from fetch to upload."""

    RESOLVE = "resolve"
    FETCH = "fetch"
    STREAM = "stream"
    PROCESS = "process"
    UPLOAD = "upload"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: ``done`` of ``total`` (None when the total is unknown), with an optional short note.

    Both are bytes, or milliseconds of playing time where ``playing`` says so.
    """

    done: int = 0
    total: int | None = None
    note: str = ""
    playing: bool = False


Report = Callable[[Progress], None]
"""Overwrites the job's one progress cell; plain, synchronous, lossy, never raises."""


class Role(IntEnum):
    """What somebody may do; each may all that the ones below may, but that a user sees only what is the user's own.

    A viewer looks at everything and does nothing, a user has jobs, an admin has to do with everybody's, and the owner
    is the one whose account this is.
    """

    VIEWER = 1
    USER = 2
    ADMIN = 3
    OWNER = 4

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is obeyed. ``id`` is Telegram's, and 0 for the owner; quotas are None where there is none.

    ``trusted`` says that the owner's cookies, tokens and headers serve this person's jobs, too. ``chats`` are those, by
    their marked ids, into which a user may post beside the one in which the command stands.
    """

    id: int
    name: str
    role: Role
    bytes_a_day: int | None = None
    jobs_an_hour: int | None = None
    trusted: bool = False
    chats: tuple[int, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether this person sees and touches nothing but jobs and posts of their own."""
        return self.role is Role.USER


OWNER = Person(0, "owner", Role.OWNER, trusted=True)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where posts go: a chat by its marked id, and in a forum the topic, by the number of its opening message."""

    chat_id: int
    topic: int | None = None

    def __str__(self) -> str:
        return f"{self.chat_id}/{self.topic}" if self.topic else str(self.chat_id)

    @classmethod
    def read(cls, text: str) -> "Spot":
        """The spot that writes itself so."""
        chat, _, topic = text.partition("/")
        return cls(int(chat), int(topic) if topic else None)


@dataclass(frozen=True, slots=True)
class Order:
    """What the owner asked for: one link and how to treat it."""

    link: str
    quality: str = "best"
    """``best``, ``audio``, or a height in lines such as ``720``."""
    name: str | None = None
    caption: str | None = None
    as_document: bool = False
    spoiler: bool = False
    silent: bool = False
    force: bool = False
    """Fetch and post it even when it was posted before."""
    formats: str = ""
    """yt-dlp's expression for the formats to take, in place of what ``quality`` and the limits make of it."""
    sort: str = ""
    """yt-dlp's fields by which formats are sorted, the best first."""
    subtitles: str = ""
    """The languages whose subtitles are to be in the video, such as ``en,de``, or ``all``."""
    live: float = 7200.0
    """Seconds that are recorded of a live stream at most."""
    language: str = ""
    """The language of the sound, for instance ``de``, where a stream has several; empty for its own choice."""
    keys: str = field(default="", repr=False)
    """The owner's keys for what is encrypted, as ``KID:KEY,KID:KEY``; forgotten when the job ends."""
    cookies: str = ""
    """The site whose cookies are used beside those of the link's own."""
    headers: str = field(default="", repr=False)
    """Lines such as ``Name: value``, sent to the link's host alone: secrets that are forgotten when the job ends."""
    edits: Mapping[str, str] = field(default_factory=dict)
    """What is to be done to the media, by the names of the steps' wishes; see `medusa.steps.Wish`."""
    to: str = ""
    """Where it is posted, each as a `Spot` writes itself, with spaces between; empty for where the command stands."""
    routed: bool = False
    """Whether the rules are still to say where it is posted, once its files are known."""
    protect: bool = False
    """Whether what is posted can be neither forwarded nor saved."""
    pin: bool = False
    """Whether the first post in each spot is pinned."""
    slot: int = 0
    """The message in the first spot that is to become the post; 0 where a new one is made."""
    index: int = 0
    """The place in its batch, from 1 on; 0 for what belongs to none."""
    total: int = 0
    """How many items its batch has."""
    batch: str = ""
    """The name of its batch."""
    section: str = ""
    """The heading under which it stands in its batch."""
    person: int = 0
    """Who asked for it, by Telegram's id; 0 is the owner."""
    near: int = 0
    """The chat in which somebody else than the owner asked for it, by its marked id."""

    @property
    def url(self) -> str:
        """The link without the kind of site that may stand before it."""
        return KIND.sub("", self.link, count=1) if KIND.match(self.link) else self.link

    @property
    def host(self) -> str:
        """The host that the link names, without a leading ``www.`` or ``m.``; empty when it names none."""
        try:
            name = urlsplit(self.url).hostname or ""
        except ValueError:
            return ""
        return name.removeprefix("www.").removeprefix("m.")

    @property
    def spots(self) -> tuple[Spot, ...]:
        """Where ``to`` leads."""
        return tuple(map(Spot.read, self.to.split()))

    @property
    def secret(self) -> bool:
        """Whether the message that gave the order held a secret, and was deleted."""
        return bool(self.headers or self.keys)

    def without_secrets(self) -> "Order":
        """The order without what nobody is to know once its job has ended."""
        return replace(self, keys="", headers="")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the owner has for the host of one link: each is empty where there is nothing.

    ``cookies`` is the text of a cookies.txt that holds nothing but what that host gets; ``headers`` are sent to it as
    they are, and to no other host.
    """

    cookies: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Hdr = Literal["", "HDR10", "HLG", "Dolby Vision"]
"""How a video says that it is brighter than screens used to be; nothing where it does not."""


@dataclass(frozen=True, slots=True)
class Media:
    """What a probe saw in a media file.

    ``width`` and ``height`` are pixels as displayed: rotation and sample aspect ratio are applied. ``duration`` is
    seconds. ``container`` is ffmpeg's name of the demuxer, for instance ``mov,mp4,m4a,3gp,3g2,mj2``; codecs, profiles,
    pixel formats and layouts of channels bear ffmpeg's names, too. ``bit_rate`` is bits a second of the whole file,
    ``frame_rate`` the mean one. ``subtitles`` has the language of each track, ``und`` where it says none.
    """

    container: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    rotation: int = 0
    video_codec: str | None = None
    audio_codec: str | None = None
    title: str | None = None
    performer: str | None = None
    streamable: bool = False
    """True for MP4 whose index (moov) stands before the media data, so that playing starts at once."""
    profile: str | None = None
    frame_rate: float | None = None
    pixels: str | None = None
    hdr: Hdr = ""
    channels: str | None = None
    sample_rate: int | None = None
    bit_rate: int | None = None
    subtitles: tuple[str, ...] = ()
    chapters: int = 0
    cover: int | None = None
    """The number, among all of the file's streams, of the JPEG or PNG that is its cover."""
    subtitle_codecs: str = ""
    """The codecs of its subtitle tracks in their order, with spaces between."""

    @property
    def depth(self) -> int:
        """The bits of each colour of the pixels."""
        found = re.search(r"(9|1[0246])(?:le|be)$", self.pixels or "")
        return int(found[1]) if found else 8


Shape = Literal["", "voice", "round", "animation"]
"""How chats show media otherwise than as video or song: as a voice message, a round video, or an endless loop."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file in a job's work folder on its way to Telegram; ``name`` is the safe file name that people will see."""

    path: Path
    name: str
    mime: str
    media: Media | None = None
    thumb: Path | None = None
    title: str | None = None
    visible: float = 1.0
    """The share of the file, from its beginning, that can be read: less than 1 while only its head is at hand."""
    size: int = 0
    """Bytes; 0 while nobody has looked."""
    photo: bool = False
    """Whether it is an image that chats can show as a photo."""
    shape: Shape = ""
    fixed: bool = False
    """Whether its container is the one that the owner has named, so that no step takes another."""
    waveform: str = ""
    """Of a voice message: its loudness over time as 63 bytes in hexadecimal, 100 values of 5 bits."""
    label: str = ""
    """What stands under it where several files are posted together, for instance ``Part 2 of 3``."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that stands in a Telegram message.

    ``file`` is what it looks like; nothing is at its path before it is fetched. ``document`` is the document or photo
    as Telethon has it. What is ``protected`` can't be posted again as it is.
    """

    file: LocalFile
    document: Any
    protected: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A message of Telegram: its chat, by user name or marked id, and its number there.

    ``alone`` says that of an album nothing else is meant. ``further`` are the numbers of more messages of that chat, in
    the order in which their files are wanted.
    """

    chat: str | int
    message_id: int
    alone: bool = False
    further: tuple[int, ...] = ()

    @property
    def message_ids(self) -> tuple[int, ...]:
        """The numbers of all messages that are meant, in their order."""
        return (self.message_id, *self.further)


@dataclass(frozen=True, slots=True)
class Lap:
    """Time that a job has spent in a stage, but for waits for a slot: from Unix time ``began`` on, in seconds."""

    stage: Stage
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Moved:
    """What a job has done over all its runs, as far as it is committed: bytes, and milliseconds at work."""

    down: int = 0
    up: int = 0
    fetching: int = 0
    sending: int = 0
    making: int = 0
    streamed: int = 0
    """1 when its bytes went from source to Telegram without being on the disk, else 0."""

    def after(self, stage: Stage, milliseconds: int, down: int, up: int) -> "Moved":
        """The same once a stage has taken so long, and moved so many bytes."""
        both = stage is Stage.STREAM
        return Moved(
            self.down + down,
            self.up + up,
            self.fetching + milliseconds * (both or stage is Stage.FETCH),
            self.sending + milliseconds * (both or stage is Stage.UPLOAD),
            self.making + milliseconds * (stage is Stage.PROCESS),
            1 if both else 0 if stage in (Stage.FETCH, Stage.UPLOAD) else self.streamed,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One order on its way through the house; ``id`` is the number the owner sees.

    ``chat_id`` and ``message_id`` name the command message (marked peer ids as Telethon writes them: users positive,
    channels with the -100 prefix). Times are Unix seconds. ``told`` says whether the final state has reached the owner.
    """

    id: int
    state: JobState
    order: Order
    chat_id: int
    message_id: int
    created: float
    stage: Stage = Stage.RESOLVE
    attempts: int = 0
    not_before: float = 0.0
    reason: str = ""
    title: str = ""
    size: int = 0
    post_id: int | None = None
    ended: float | None = None
    told: bool = False
    priority: Priority = Priority.NORMAL
    turn: int = 0
    """The place in the queue: of two jobs, the one with the lower turn goes first."""
    files: tuple[LocalFile, ...] = field(default=())
    """What fetching (or processing) left in the work folder, so that a restart goes on from there."""
    laps: tuple[Lap, ...] = ()
    """The latest stages of its runs, the oldest first."""
    moved: Moved = Moved()

    @property
    def unasked(self) -> bool:
        """Whether no message has asked for it, so that none tells of it either: ``message_id`` is then below 0."""
        return self.message_id < 0

    @property
    def spots(self) -> tuple[Spot, ...]:
        """Where it is posted: at least one."""
        return self.order.spots or (Spot(self.chat_id),)


@dataclass(frozen=True, slots=True)
class Live:
    """A sample of a job under way.

    ``since`` is when its stage began (monotonic seconds), ``age`` for how many seconds the job has been running.
    """

    job: Job
    progress: Progress
    since: float
    age: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Why jobs have to wait, and until which Unix time."""

    until: float
    reason: str


Hours = tuple[tuple[int, int], ...]
"""Spans of the day in minutes since midnight; one that ends before it begins runs over midnight."""

Gate = Callable[[float], Hold | None]
"""Says, for a Unix time, whether any job may move bytes just then: None when it may."""
