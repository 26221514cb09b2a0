"""Holds what has come of all commands against what they were to lead to."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medusa.model import Job, JobState
from medusa.storage import open_store
from medusa.storage.jobs import Jobs
from tests.crash.batches import Played, played
from tests.crash.feed import Piece, Wish
from tests.crash.outside import SAVED, World

_MOST_JOBS = 100_000
_NEWS = re.compile(r"✗ #\d+ |The disk (is nearly full|has room again): |\d+ jobs? ha(s|ve) failed")
"""How notices begin that may be told: of what failed in the channel, and of a full disk."""
_SUMMARY = re.compile(r"[✓✗–] Batch \d+ ")
_FAILED = re.compile(r"^✗ #(\d+) ", re.MULTILINE)


@dataclass(slots=True)
class Verdict:
    """What was found; each entry is a line. ``lost``, ``doubled`` and ``wrong`` are to be empty.

    ``late`` are cancels that came too late, which is no fault.
    """

    jobs: int = 0
    posts: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)


@dataclass(frozen=True, slots=True)
class _Post:
    """A message with a file."""

    id: int
    name: str
    digest: str


async def judge(world: World, wishes: Sequence[Wish]) -> Verdict:
    """Look at the store, the chats and the work folder of a Medusa that has ended. Raises MedusaError for damage."""
    verdict = Verdict()
    async with open_store(world.state) as store:
        # SQLCipher's own check of each page was passed by opening it.
        if await store.read("PRAGMA integrity_check") != [("ok",)]:
            verdict.wrong.append("the database is damaged")
        rows = await Jobs(store).recent(_MOST_JOBS)
        batches = {
            (wish.chat, wish.message_id): await played(store, wish.chat or world.owner, wish.message_id)
            for wish in wishes
            if wish.kind == "batch"
        }
    jobs = defaultdict(list)
    for job in sorted(rows, key=lambda job: job.id):
        jobs[job.chat_id, job.message_id].append(job)
    verdict.jobs = len(rows)
    posts = {chat: _posts(world, chat) for chat in (SAVED, world.channel)}
    verdict.posts = sum(map(len, posts.values()))
    for wish in wishes:
        home = wish.chat or world.owner
        made = jobs.pop((home, wish.message_id), [])
        if wish.kind == "batch":
            _judge_batch(verdict, wish, batches[wish.chat, wish.message_id], posts[wish.chat], world)
        elif len(made) == len(wish.pieces):
            _judge_jobs(verdict, wish, made, posts[wish.chat])
        else:
            reads = world.text(wish.chat, wish.message_id)
            _note(verdict.lost, wish, f"{len(made)} jobs in place of {len(wish.pieces)}; it reads {reads!r}")
    verdict.wrong += [f"jobs that nobody asked for: {left}" for left in jobs.values()]
    kept = {(chat, one) for (chat, _), batch in batches.items() for one in batch.messages}
    others = [wish for wish in wishes if wish.kind != "batch"]
    for chat, found in posts.items():
        rest = [post for post in found if (chat, post.id) not in kept]
        _judge_posts(verdict, [wish for wish in others if wish.chat == chat], rest, "Saved" if chat == SAVED else "ch")
        _judge_texts(verdict, world, [wish for wish in others if wish.chat == chat], chat, kept)
    _judge_summaries(verdict, world, [wish for wish in wishes if wish.kind == "batch"])
    _judge_alike(verdict, wishes, posts.values())
    if left := [entry.name for entry in world.work.iterdir() if entry.name != "looks" or any(entry.iterdir())]:
        verdict.wrong.append(f"left in the work folder: {left}")
    return verdict


def _judge_jobs(verdict: Verdict, wish: Wish, jobs: list[Job], posts: list[_Post]) -> None:
    """Each job of a command has ended as it should, its row names its post, and the command's message says so."""
    if not wish.settled:
        _note(verdict.lost, wish, "its message does not say how it ended")
    for piece, job in zip(wish.pieces, jobs, strict=True):
        if job.state not in piece.ends:
            _note(verdict.wrong, wish, f"#{job.id} is {job.state} ({job.reason})")
        elif job.state is JobState.DONE:
            named = [post for post in posts if post.id == job.post_id]
            if [post.name for post in named] != [piece.name]:
                _note(verdict.wrong, wish, f"#{job.id} is done and names the post {job.post_id}: {named}")
            if JobState.CANCELLED in piece.ends:
                _note(verdict.late, wish, f"#{job.id}")


def _judge_posts(verdict: Verdict, wishes: Iterable[Wish], posts: list[_Post], chat: str) -> None:
    """Each file stands there exactly once, as it was."""
    found = Counter(post.name for post in posts)
    digests = {post.name: post.digest for post in posts}
    wanted: dict[str, tuple[Wish, Piece]] = {}
    for wish in wishes:
        wanted.update({piece.name: (wish, piece) for piece in wish.pieces if piece.name and not piece.again})
    for name, (wish, piece) in wanted.items():
        if found[name] > 1:
            _note(verdict.doubled, wish, f"{found[name]} posts of {name} in {chat}")
        elif not found[name] and JobState.CANCELLED not in piece.ends:
            _note(verdict.lost, wish, f"no post of {name} in {chat}")
        elif found[name] and piece.digest and digests[name] != piece.digest:
            _note(verdict.wrong, wish, f"{name} in {chat} holds other bytes")
    verdict.wrong += [f"a post that nobody asked for: {name} in {chat}" for name in found.keys() - wanted.keys()]


def _judge_batch(verdict: Verdict, wish: Wish, batch: Played, posts: list[_Post], world: World) -> None:
    """Each item's post, or what is said of its failing, stands once, and they stand in the order of the list."""
    if not wish.settled or not batch.over:
        reads = (world.text(wish.chat, wish.message_id) or "")[:200]
        made = sum(slot != 0 for slot in batch.slots)
        _note(verdict.lost, wish, f"it is {batch.state} with {made} places; its message reads {reads!r}")
        return
    if len(batch.slots) != len(wish.pieces):
        _note(verdict.wrong, wish, f"{len(batch.slots)} items in place of {len(wish.pieces)}")
        return
    if batch.slots != sorted(set(batch.slots)):
        _note(verdict.wrong, wish, f"out of order: {batch.slots}")
    found = {post.id: post for post in posts}
    for number, (piece, slot) in enumerate(zip(wish.pieces, batch.slots, strict=True), start=1):
        post = found.get(slot)
        if not piece.name:
            text = world.text(wish.chat, slot) or ""
            if post is not None or not re.match(rf"✗ 0*{number}\. ", text):
                _note(verdict.wrong, wish, f"the failed place {number} reads {text!r}")
        elif post is None:
            _note(verdict.lost, wish, f"no post in place {number}: {world.text(wish.chat, slot)!r}")
        elif (post.name, post.digest) != (piece.name, piece.digest):
            _note(verdict.wrong, wish, f"place {number} holds {post.name} in place of {piece.name}")


def _judge_summaries(verdict: Verdict, world: World, wishes: Iterable[Wish]) -> None:
    """Of each batch in the channel, Saved Messages hear once."""
    texts = [message.message or "" for message in world.messages(SAVED) if message.id not in world.written[SAVED]]
    said, asked = sum(bool(_SUMMARY.match(text)) for text in texts), sum(wish.chat != SAVED for wish in wishes)
    if said != asked:
        (verdict.doubled if said > asked else verdict.lost).append(f"{said} summaries of {asked} batches")


def _judge_texts(
    verdict: Verdict, world: World, wishes: list[Wish], chat: int, kept: Collection[tuple[int, int]]
) -> None:
    """Beside commands and posts there are long captions, notices and pointers to posts, once each, and nothing else."""
    texts = [message for message in world.messages(chat) if not getattr(message, "media", None) and message.message]
    captions, told, pointers = Counter[str](), Counter[str](), 0
    starts = tuple(wish.caption for wish in wishes if wish.caption)
    for message in texts:
        if starts and message.message.startswith(starts):
            captions[message.message.split()[0] + " "] += 1
        elif message.message.startswith("Here is ") and message.reply_to:
            pointers += 1
        elif chat == SAVED and message.id not in world.written[chat] and _NEWS.match(message.message):
            told.update(_FAILED.findall(message.message))
        elif (chat, message.id) in kept or (chat == SAVED and _SUMMARY.match(message.message)):
            continue
        elif message.id not in world.written[chat]:
            verdict.wrong.append(f"a message that nobody asked for: {message.id} {message.message[:80]!r}")
    for wish in wishes:
        if wish.caption and captions[wish.caption] != 1:
            _note(verdict.doubled if captions[wish.caption] else verdict.lost, wish, "the long caption")
    verdict.doubled += [f"the notice that #{number} has failed" for number, times in told.items() if times > 1]
    asked = sum(piece.again for wish in wishes for piece in wish.pieces) if chat == SAVED else 0
    if pointers != asked:
        (verdict.doubled if pointers > asked else verdict.lost).append(f"{pointers} pointers to {asked} posts")


def _judge_alike(verdict: Verdict, wishes: Iterable[Wish], posts: Iterable[list[_Post]]) -> None:
    """What is made of equal clips is equal, however often its making was broken off."""
    digests = {post.name: post.digest for found in posts for post in found}
    for kind in ("clip", "hls"):
        made = {digests.get(wish.pieces[0].name) for wish in wishes if wish.kind == kind} - {None}
        if len(made) > 1:
            verdict.wrong.append(f"{len(made)} different files were made of equal sources ({kind})")


def _note(where: list[str], wish: Wish, what: str) -> None:
    where.append(f"{wish.kind} {wish.chat}/{wish.message_id} {wish.text[:100]!r}: {what}")


def _posts(world: World, chat: int) -> list[_Post]:
    """What Medusa has posted; the owner's own files are none of it."""
    own = world.written[chat]
    return [_post(world, one) for one in world.messages(chat) if getattr(one, "media", None) and one.id not in own]


def _post(world: World, message: Any) -> _Post:
    stored = world.telegram.file_of(message)
    if stored is None:
        return _Post(message.id, "?", "")
    return _Post(message.id, stored.name, _digest(stored.path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
