"""Chooses among the offers of a stream what the owner wants of it."""

from collections.abc import Sequence

from medusa.errors import UserError
from medusa.model import Order
from medusa.sources.streams.parts import Kind, Offer


def pictures(offers: Sequence[Offer], order: Order) -> list[Offer]:
    """The offers with pictures, best first: as many lines as are wanted or fewer, before those with more.

    Of equal ones H.264 goes first, which every player can take, and then the higher rate. Nothing for sound alone.
    """
    if order.quality == "audio":
        return []
    most = int(order.quality) if order.quality.isdigit() else None
    found = [offer for offer in offers if offer.kind is Kind.VIDEO]
    fitting = [offer for offer in found if most is None or offer.lines <= most]
    larger = [offer for offer in found if offer not in fitting]

    def worth(offer: Offer) -> tuple[int, bool, int]:
        return offer.lines, not offer.codecs or "avc" in offer.codecs, offer.bandwidth

    return sorted(fitting, key=worth, reverse=True) + sorted(larger, key=lambda offer: (offer.lines, offer.bandwidth))


def sound_of(offers: Sequence[Offer], video: Offer | None, order: Order) -> Offer | None:
    """The offer of sound that goes with these pictures, or the best one without any.

    None where the pictures' own pieces hold the sound, or where there is none.
    """
    sounds = [offer for offer in offers if offer.kind is Kind.AUDIO]
    if video is not None and video.track is None:
        # HLS: only what is in the variant's group belongs to it; audio-only variants are for want of bandwidth.
        sounds = [offer for offer in sounds if video.sounds and offer.group == video.sounds]
    if video is None:
        sounds = [offer for offer in sounds if offer.url or offer.track] or sounds
    if not sounds:
        return None
    best = max(sounds, key=lambda offer: _worth(offer, order.language))
    if order.language and not _speaks(best, order.language):
        spoken = ", ".join(sorted({offer.language for offer in sounds if offer.language})) or "none that is named"
        raise UserError(f"This stream has no sound in “{order.language}”; its languages: {spoken}.")
    return best if best.url or best.track else None


def subtitles_of(offers: Sequence[Offer], video: Offer, order: Order) -> list[Offer]:
    """The subtitles that are wanted with these pictures: one track for each language that there is."""
    texts = [offer for offer in offers if offer.kind is Kind.TEXT]
    if video.track is None:
        texts = [offer for offer in texts if offer.group == video.texts]
    wanted = [name.strip() for name in order.subtitles.split(",") if name.strip()]
    found = [offer for offer in texts if wanted == ["all"] or any(_speaks(offer, name) for name in wanted)]
    return list({offer.language: offer for offer in reversed(found)}.values())[::-1]


def _worth(offer: Offer, language: str) -> tuple[bool, bool, bool, int]:
    aac = not offer.codecs or "mp4a" in offer.codecs
    return bool(language) and _speaks(offer, language), offer.default, aac, offer.bandwidth


def _speaks(offer: Offer, language: str) -> bool:
    """Whether a language tag is the wanted one or a part of it, as ``de`` is of ``de-AT`` (RFC 4647, 3.3.1)."""
    return offer.language.lower().partition("-")[0] == language.lower() or offer.language.lower() == language.lower()
