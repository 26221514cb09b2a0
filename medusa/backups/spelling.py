"""Spells the backup key so that it can be written down, and reads it again."""

import hashlib
import re
from base64 import b32decode, b32encode

from medusa.backups.sealed import KEY_BYTES
from medusa.errors import UserError

_CHECK = 3
"""Bytes of checksum: together with the key's they make 56 letters without a rest."""
_GROUP = 4
NO_KEY = "That is no backup key: it has 14 groups of four letters and digits, as /backup key shows them."
MISTYPED = "There is a slip in that backup key: its last letters do not fit the others. Look at it again."


def spelt(key: bytes) -> str:
    """The key as 14 groups of four letters and digits."""
    text = b32encode(key + _check(key)).decode()
    return "-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def read_key(text: str) -> bytes:
    """The key that a text spells, whatever stands between its groups. Raises UserError that repeats nothing of it."""
    letters = re.sub(r"[\s-]+", "", text).upper().replace("0", "O").replace("1", "I").replace("8", "B")
    if not re.fullmatch(r"[A-Z2-7]{56}", letters):
        raise UserError(NO_KEY)
    raw = b32decode(letters)
    key, check = raw[:KEY_BYTES], raw[KEY_BYTES:]
    if check != _check(key):
        raise UserError(MISTYPED)
    return key


def _check(key: bytes) -> bytes:
    return hashlib.sha256(b"medusa backup key" + key).digest()[:_CHECK]
