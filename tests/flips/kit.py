"""What both halves share: what came of the flips."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Result:
    """How many bits were flipped, and which of them (byte, bit) nobody noticed."""

    flips: int = 0
    silent: list[tuple[int, int]] = field(default_factory=list)


def flip_all(whole: bytes, flips: int, seed: int, noticed: Callable[[bytes], bool]) -> Result:
    """Flip so many bits of ``whole``, one at a time, drawn with ``seed``; all of them if there are no more."""
    bits = range(len(whole) * 8)
    result = Result()
    for bit in random.Random(seed).sample(bits, min(flips, len(bits))):
        torn = bytearray(whole)
        torn[bit // 8] ^= 1 << bit % 8
        result.flips += 1
        if not noticed(bytes(torn)):
            result.silent.append((bit // 8, bit % 8))
    return result
