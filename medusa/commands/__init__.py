"""Messages to intentions: every module of this folder with a constant COMMAND is one command."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medusa.access import Access
from medusa.backups.service import Backups
from medusa.batches.conductor import Conductor
from medusa.batches.flight import Flight
from medusa.care.house import House
from medusa.channels.destinations import Destinations
from medusa.door import Door
from medusa.findings import Finding
from medusa.gates import Budget
from medusa.library import Library
from medusa.model import OWNER, Order, Person, Role
from medusa.numbers import Numbers, Report
from medusa.scheduler import Scheduler
from medusa.settings import PREFIX, Settings
from medusa.sources.described import Description
from medusa.sources.inspecting import Inspected
from medusa.sources.ytdlp_update import Updater
from medusa.storage.jobs import Jobs
from medusa.storage.rebuilds import Rebuilds
from medusa.storage.thumb import ThumbTable
from medusa.tags import Tags
from medusa.telegram.archive import Archive
from medusa.telegram.inbox import Incoming
from medusa.telegram.messages import Messenger
from medusa.telegram.people import People
from medusa.telegram.small import SmallFiles
from medusa.telegram.thumbs import Thumbs
from medusa.vault import Vault
from medusa.watches.watcher import Watcher


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command: how it is written, and what it takes (nothing when ``takes`` is empty: a switch)."""

    flags: tuple[str, ...]
    about: str
    takes: str = ""
    like: str = ""
    """What a value looks like, as a regular expression, where it may be left out; the option is ``on`` then."""
    many: bool = False
    """Whether it may be given several times; the values then stand in lines."""
    secret: bool = False
    """Whether the message is deleted at once, since what it takes is nobody else's business: only the owner may."""
    role: Role = Role.VIEWER
    """Who may use it, of those who may use the command."""

    @property
    def name(self) -> str:
        """The name under which a command finds the value: the longest flag without its dashes."""
        return max(self.flags, key=len).lstrip("-")


@dataclass(frozen=True, slots=True)
class Desk:
    """What commands work with."""

    scheduler: Scheduler
    jobs: Jobs
    library: Library
    vault: Vault
    destinations: Destinations
    access: Access
    people: People
    messenger: Messenger
    settings: Settings
    budget: Budget
    announce: Callable[[int, int], None]
    """Has the command message (chat id, message id) rewritten to say where its jobs stand."""
    show_live: Callable[[int, int], Awaitable[None]]
    """Makes a message (chat id, message id) the chat's live one."""
    commands: "Mapping[str, Command]"
    updater: Updater
    versions: Callable[[], Mapping[str, str]]
    conductor: Conductor
    watcher: Watcher
    files: SmallFiles
    archive: Archive
    rebuilds: Rebuilds
    tags: Tags
    house: House
    flight: Callable[[Sequence[Order]], Awaitable[Flight]]
    """The plan of a batch with these orders, as far as it is known without looking at their links."""
    look: Callable[[Order, str], Awaitable[Description]]
    """Finds out what an order's link is; of a playlist, the items of these numbers, which read ``1:20,25``."""
    read: Callable[[Order, int], Awaitable[bytes]]
    """Fetches the file behind an order's link, of at most so many bytes."""
    inspect: Callable[[Order], Awaitable[tuple[Inspected, ...]]]
    """Looks into the media that an order's link leads to."""
    thumbnail: Callable[[bytes], Awaitable[bytes]]
    """Makes a thumbnail of a picture."""
    thumb: ThumbTable
    log_folder: Path
    backups: Backups
    door: Door
    thumbs: Thumbs
    home: int
    """The id of Saved Messages."""
    following: Callable[[int, int, int], Awaitable[list[int]]]
    """Numbers of the next messages of a chat that hold files: its marked id, where to begin, how many at most."""
    numbers: Numbers
    checks: Callable[[], Awaitable[list[Finding]]]
    """Looks at everything that ought to be well."""
    draw: Callable[[Report], Awaitable[bytes | None]]
    """Draws the picture of a report as a JPEG; None when it can't be drawn."""


@dataclass(frozen=True, slots=True)
class Call:
    """One command as it was written: its words and options, the message it stands in, and the desk to work with."""

    message: Incoming
    desk: Desk
    command: str
    """The command's name."""
    words: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    """Values by option name; a switch that was given has the value ``on``."""
    text: str = field(default="", repr=False)
    """What stands behind the command's name, as it was written."""
    person: Person = OWNER
    """Who wrote it. The desk shows a user only what is the user's own."""

    @property
    def prefix(self) -> str:
        """How commands are written here, for examples in answers."""
        return self.desk.settings[PREFIX][0]


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a menu, and the word that it stands for."""

    label: str
    word: str


@dataclass(frozen=True, slots=True)
class Menu:
    """A question that the owner answers by replying with the numbers of choices.

    The reply is obeyed as ``command``, written without prefix, with the chosen words in the place of ``{}``; ``many``
    says whether several may be chosen. ``note`` stands below the choices.
    """

    question: str
    choices: tuple[Choice, ...]
    command: str
    many: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Aside:
    """An answer that is said in reply, since the place of the command message is taken by what its jobs do."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An answer with a picture: the command message becomes a photo, a JPEG, with the text below it.

    Without a picture, or where Telegram takes none, the text alone answers.
    """

    text: str
    picture: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that takes long to find: ``work`` does that, while other commands are obeyed.

    When the process ends meanwhile, the next one runs the command anew.
    """

    work: "Callable[[], Awaitable[Answer]]"


Answer = str | Menu | Aside | Picture | Later | None
"""What replaces the command message: plain text, Markup, a menu or a picture.

None when the command has seen to it itself.
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its names, its words in the help, and the function that does it.

    ``run`` may raise MedusaError, whose words become the answer. It is run again for the same message when the process
    was killed before the message was noted as handled, so its effect must be the same when repeated, or be committed
    together with that note, as ``Jobs.add`` and ``Jobs.move`` do.
    """

    name: str
    family: str
    about: str
    run: Callable[[Call], Awaitable[Answer]]
    usage: str = ""
    aliases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    verbatim: bool = False
    """Whether its words are not taken apart into options, since dashes mean something else in them."""
    lines: bool = False
    """Whether only the first line behind its name holds words and options; the others are its own business."""
    role: Role = Role.USER
    """Who may give it, at least."""
    audited: bool = False
    """Whether the record keeps that the owner gave it, too; of others it keeps whatever is more than looking."""
    secret: bool = False
    """Whether what stands behind its name is a secret: the message is deleted before it is obeyed, and the words, which
    are not taken apart, are in no log.
    """
