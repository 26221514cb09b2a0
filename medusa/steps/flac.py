"""Writes into a FLAC file how long it is (RFC 9639, section 8.2), which ffmpeg leaves as it was where it copies."""

from pathlib import Path

_MARK = b"fLaC"
_PACKED = 18
"""Where sample rate (20 bits), channels (3), bits (5) and the number of samples (36) stand, in 8 bytes."""
_SUM = 26
"""Where the MD5 of all samples stands, 16 bytes; zeros say that it is not known."""
_SAMPLES = 2**36


def tell_length(path: Path, seconds: float) -> None:
    """Write how many samples ``seconds`` are; a file that is no FLAC is left alone."""
    with path.open("r+b") as file:
        head = file.read(_SUM + 16)
        if not head.startswith(_MARK) or head[4] & 0x7F or len(head) < _SUM + 16:
            return
        packed = int.from_bytes(head[_PACKED:_SUM], "big")
        rate = packed >> 44
        file.seek(_PACKED)
        samples = min(_SAMPLES - 1, round(seconds * rate))
        file.write((packed >> 36 << 36 | samples).to_bytes(8, "big") + bytes(16))
