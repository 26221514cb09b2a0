"""Says what it means that a state was restored, and has nothing posted again that was posted after its backup."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from medusa.library import caption_of
from medusa.model import Job, LocalFile
from medusa.patience import until_it_works
from medusa.storage.backups import BackupTable, Restored
from medusa.storage.jobs import Jobs
from medusa.storage.outbox import Entry
from medusa.telegram.messages import random_id_for
from medusa.telegram.offsite import Earlier, Offsite
from medusa.words import moment

log = structlog.get_logger()

SLACK = 3600.0
"""Seconds by which this machine's clock and Telegram's may differ."""
LATELY = 3600.0
"""Seconds within which another Medusa counts as one that is at work."""
_RESTORED = (
    "Medusa was restored, as instance {id}, from the backup of {when}.\n"
    "{jobs} paused, as are batches and watches, and nothing goes on by itself: {prefix}queue shows what there is, "
    "{prefix}resume all has it go on, {prefix}batches and {prefix}watches show the rest. "
    "What was posted since the backup is looked for first, and not posted again. What you have asked for since then is "
    "not known any more: ask again for what was not done."
)
_TWICE = (
    "This backup was restored before, as instance {first}, and now once more, as {id}. Two that go on with the same "
    "jobs post twice: stop one of them before {prefix}resume all."
)
_ANOTHER = (
    "Another Medusa has used this account within the last hour (Settings → Devices shows it). If it is still running, "
    "stop it before {prefix}resume all: both obey the same commands."
)
_AS = re.compile(r"as instance ([0-9a-f]{16})")


@dataclass(slots=True)
class Quarantine:
    """What is known of a restored state; of any other one it knows nothing, and does nothing."""

    table: BackupTable
    jobs: Jobs
    offsite: Offsite
    _restored: Restored | None = None
    _posts: dict[int, list[Earlier]] = field(default_factory=dict)
    """Posts of the time that the state knows nothing of, by chat, less those that were found to be a job's."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def load(self) -> None:
        """Read whether this state was restored."""
        self._restored = await self.table.restored()

    async def run(self, prefix: str) -> None:
        """Tell the owner once what was restored, and whether somebody else goes on with the same."""
        if self._restored is not None and not self._restored.told:
            await until_it_works(lambda: self._tell(prefix))
            await until_it_works(self.table.told)

    async def stood(self, job: Job, entries: Sequence[Entry]) -> list[int]:
        """The messages that show what the entries of a job are to post, when all of them stand; none otherwise.

        They were posted after the backup, by whoever went on with the jobs then. Each is found for one job only.
        """
        if self._restored is None or (job.id > self._restored.last_job and job.order.force):
            return []
        async with self._turn:
            posts = await self._unknown(entries[0].chat_id)
            found: list[Earlier] = []
            for entry in entries:
                fits = [one for one in posts if one not in found and _shows(one, job, entry)]
                if not fits:
                    return []
                found.append(min(fits, key=lambda one: (one.reply_to != job.message_id, one.message_id)))
            for one in found:
                posts.remove(one)
        log.info("restored.stands", job=job.id, posts=len(found))
        return [one.message_id for one in found]

    async def _unknown(self, chat_id: int) -> list[Earlier]:
        """The posts in a chat that the state does not know of, the oldest last."""
        if self._restored is None:
            return []
        if chat_id not in self._posts:
            since, until = self._restored.since - SLACK, self._restored.until + SLACK
            known = await self.table.posts(chat_id)
            posts = await self.offsite.posts(chat_id, since, until)
            self._posts[chat_id] = [one for one in posts if one.message_id not in known]
        return self._posts[chat_id]

    async def _tell(self, prefix: str) -> None:
        if self._restored is None:
            return
        who = await self.table.instance()
        live = sum((await self.jobs.counts()).values())
        text = _RESTORED.format(
            id=who.id,
            when=moment(self._restored.since),
            jobs="1 job is" if live == 1 else f"{live} jobs are",
            prefix=prefix,
        )
        first = _AS.search(await self.offsite.claim(text, f"{who.lineage} {who.generation}"))
        warnings = []
        if first is not None and first[1] != who.id:
            warnings.append(_TWICE.format(first=first[1], id=who.id, prefix=prefix))
        if await self.offsite.others(LATELY):
            warnings.append(_ANOTHER.format(prefix=prefix))
        for number, warning in enumerate(warnings):
            key = random_id_for(f"{who.id} warning {number}")
            await self.offsite.messenger.say_once(self.offsite.account.user_id, warning, key)


def _shows(post: Earlier, job: Job, entry: Entry) -> bool:
    """Whether a post is what an entry would make: the same file, or the same text."""
    caption = caption_of(job)
    if entry.kind == "text":
        return not post.name and not post.photo and post.text.strip("\u2060") == caption
    if entry.file >= len(job.files):
        return False
    file = job.files[entry.file]
    replies = post.reply_to == job.message_id
    if entry.look == "photo":
        return post.photo and (replies or bool(caption and caption in post.text))
    if post.name != file.name:
        return False
    return post.size == _size(job, file) or replies or bool(caption and caption in post.text)


def _size(job: Job, file: LocalFile) -> int:
    return file.size or (job.size if len(job.files) == 1 else 0)
