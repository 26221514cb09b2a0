"""How batches and their items read."""

from collections.abc import Mapping

from markupsafe import Markup

from medusa.storage.batches import Batch, BatchItem, BatchState, ItemState
from medusa.words import SCHEDULED, bar, clock, span


def place_text(item: BatchItem) -> str:
    """What stands in the place of an item before it is there."""
    return f"… {numbered(item, item.name or item.order.link)}"


def failed_text(item: BatchItem, reason: str) -> str:
    """What stands in the place of an item that has failed."""
    again = f"/batch retry {item.batch_id} {item.seq}"
    return f"✗ {numbered(item, item.name or item.order.link)}\n{reason}\n{again} fills this place."


def numbered(item: BatchItem, title: str) -> str:
    """A title behind the number of its place."""
    return f"{str(item.order.index).zfill(len(str(item.order.total)))}. {title}"


def head(batch: Batch) -> Markup:
    """What a batch is called."""
    return Markup("<b>Batch {}</b> {}").format(batch.id, batch.name)


def progress(batch: Batch, counts: Mapping[ItemState, int], now: float) -> Markup:
    """How far a batch is at Unix time ``now``, in two or three lines."""
    total = batch.items - counts[ItemState.DROPPED]
    over = counts[ItemState.DONE] + counts[ItemState.FAILED] + counts[ItemState.CANCELLED]
    fraction = over / total if total else 1.0
    parts = [f"{bar(fraction)} {fraction:.0%}", f"{counts[ItemState.DONE]} of {total} posted"]
    parts += [f"{counts[ItemState.FAILED]} failed"] if counts[ItemState.FAILED] else []
    parts += [f"{counts[ItemState.OPEN]} under way"] if counts[ItemState.OPEN] else []
    if batch.state is BatchState.RUNNING and batch.started and over and over < total:
        parts.append(f"{span((now - batch.started) / over * (total - over))} left")
    lines = [head(batch), Markup(" · ").join(parts)]
    if batch.not_before > now:
        lines.append(Markup("{} {}.").format(SCHEDULED, clock(batch.not_before, now)))
    if batch.state is BatchState.PAUSED:
        lines.append(Markup("Paused. /batch resume {} goes on.").format(batch.id))
    lines += [Markup("{}").format(batch.reason)] if batch.reason else []
    return Markup("\n").join(lines)


def summary(batch: Batch, counts: Mapping[ItemState, int]) -> Markup:
    """What has come of a batch that has ended."""
    sign = "–" if batch.state is BatchState.CANCELLED else "✗" if counts[ItemState.FAILED] else "✓"
    parts = [f"{counts[ItemState.DONE]} posted"]
    for state in (ItemState.FAILED, ItemState.CANCELLED, ItemState.DROPPED):
        parts += [f"{counts[state]} {'left out' if state is ItemState.DROPPED else state}"] if counts[state] else []
    if batch.started and batch.ended:
        parts.append(span(batch.ended - batch.started))
    line = Markup("{} {}: {}").format(sign, head(batch), " · ".join(parts))
    if counts[ItemState.FAILED]:
        line += Markup("\n/batch retry {0} fills the failed places, /batch failed {0} lists them.").format(batch.id)
    return line


def listed(batch: Batch, counts: Mapping[ItemState, int], now: float) -> Markup:
    """One line on a batch in a list."""
    total = batch.items - counts[ItemState.DROPPED]
    failed = f" · {counts[ItemState.FAILED]} failed" if counts[ItemState.FAILED] else ""
    return Markup("{} · {} · {} of {}{} · {}").format(
        head(batch), batch.state, counts[ItemState.DONE], total, failed, clock(batch.created, now)
    )
