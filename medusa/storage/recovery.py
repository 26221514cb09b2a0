"""Writes a recovery key as words that can be said, typed and checked, and reads them again.

Each word stands for 16 bits (proquints, https://arxiv.org/abs/0901.4016), the last one checks the others.
"""

import hashlib
import re
import secrets

from medusa.errors import UserError

RECOVERY_BYTES = 16
_CONSONANTS = "bdfghjklmnprstvz"
_VOWELS = "aiou"
_WORD = re.compile(f"([{_CONSONANTS}])([{_VOWELS}])([{_CONSONANTS}])([{_VOWELS}])([{_CONSONANTS}])")
_COUNT = RECOVERY_BYTES // 2 + 1


def new_recovery_key() -> bytes:
    """128 random bits."""
    return secrets.token_bytes(RECOVERY_BYTES)


def words_of(key: bytes) -> str:
    """The key in nine words."""
    whole = key + _check(key)
    return " ".join(_word(int.from_bytes(whole[at : at + 2], "big")) for at in range(0, len(whole), 2))


def key_of(text: str) -> bytes:
    """The key that was written as words, however they are spaced. Raises UserError, which does not repeat them."""
    found = re.findall(r"[a-z]+", text.lower())
    numbers = [_number(word) for word in found]
    if len(found) != _COUNT or None in numbers:
        raise UserError(f"A recovery key is {_COUNT} words of five letters, such as “lusab babad gutih …”.")
    whole = b"".join((number or 0).to_bytes(2, "big") for number in numbers)
    key, check = whole[:RECOVERY_BYTES], whole[RECOVERY_BYTES:]
    if check != _check(key):
        raise UserError("There is a slip in these words: they do not fit together. Nothing was changed.")
    return key


def _check(key: bytes) -> bytes:
    return hashlib.sha256(b"medusa recovery key" + key).digest()[:2]


def _word(number: int) -> str:
    """Consonants hold four bits each, vowels two."""
    first, second, third = (_CONSONANTS[number >> shift & 15] for shift in (12, 6, 0))
    return f"{first}{_VOWELS[number >> 10 & 3]}{second}{_VOWELS[number >> 4 & 3]}{third}"


def _number(word: str) -> int | None:
    found = _WORD.fullmatch(word)
    if found is None:
        return None
    first, second, third = (_CONSONANTS.index(found[place]) for place in (1, 3, 5))
    return first << 12 | _VOWELS.index(found[2]) << 10 | second << 6 | _VOWELS.index(found[4]) << 4 | third
