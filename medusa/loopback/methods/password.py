"""Checks and changes the two-step password, through SRP: the password itself never comes here.

https://core.telegram.org/api/srp
"""

import os
import secrets
from hashlib import sha256
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.accounts import Account, Password, kdf_algo
from medusa.loopback.call import Call, Methods
from medusa.loopback.crypto import DH_G, DH_PRIME, DH_PRIME_BYTES, in_safe_range
from medusa.loopback.methods.auth import log_in
from medusa.loopback.rpc import RpcFailure

_G_BYTES = DH_G.to_bytes(256, "big")
_MULTIPLIER = int.from_bytes(sha256(DH_PRIME_BYTES + _G_BYTES).digest(), "big")


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def _subject(call: Call) -> Account:
    """Who the password belongs to: who is logged in, or who is about to be."""
    awaiting = call.key.awaiting
    return call.me if awaiting is None else call.world.accounts.get(awaiting)


def _get_password(call: Call, _request: Any) -> Any:
    account = _subject(call)
    password = call.world.accounts.password(account.user_id)
    common = {
        "new_algo": kdf_algo(os.urandom(8), os.urandom(16)),
        "new_secure_algo": types.SecurePasswordKdfAlgoUnknown(),
        "secure_random": os.urandom(256),
    }
    if password is None:
        return types.account.Password(**common)
    challenge, public = _challenge(call, account, password)
    return types.account.Password(
        has_password=True,
        current_algo=password.algo,
        srp_B=public.to_bytes(256, "big"),
        srp_id=challenge,
        hint=password.hint or None,
        **common,
    )


def _challenge(call: Call, account: Account, password: Password) -> tuple[int, int]:
    """A fresh SRP challenge, the account's only one: its id and the public value B."""
    verifier = int.from_bytes(password.verifier, "big")
    public = 0
    while not in_safe_range(public):
        secret = int.from_bytes(os.urandom(256), "big")
        public = (_MULTIPLIER * verifier + pow(DH_G, secret, DH_PRIME)) % DH_PRIME
    challenge = secrets.randbits(62)
    call.world.challenges[account.user_id] = (challenge, secret, public)
    return challenge, public


def _check(call: Call, account: Account, answer: Any) -> None:
    """Raise PASSWORD_HASH_INVALID or SRP_ID_INVALID unless the answer proves the password."""
    password = call.world.accounts.password(account.user_id)
    if password is None:
        return
    if not isinstance(answer, types.InputCheckPasswordSRP):
        raise RpcFailure("PASSWORD_HASH_INVALID")
    challenge, secret, public = call.world.challenges.pop(account.user_id, (0, 0, 0))
    if challenge != answer.srp_id or not challenge:
        raise RpcFailure("SRP_ID_INVALID")
    theirs = int.from_bytes(answer.A, "big")
    if not in_safe_range(theirs):
        raise RpcFailure("SRP_A_INVALID")
    a_bytes, b_bytes = theirs.to_bytes(256, "big"), public.to_bytes(256, "big")
    mix = int.from_bytes(_hash(a_bytes, b_bytes), "big")
    shared = pow(theirs * pow(int.from_bytes(password.verifier, "big"), mix, DH_PRIME), secret, DH_PRIME)
    both = bytes(a ^ b for a, b in zip(_hash(DH_PRIME_BYTES), _hash(_G_BYTES), strict=True))
    expected = _hash(
        both, _hash(password.salt1), _hash(password.salt2), a_bytes, b_bytes, _hash(shared.to_bytes(256, "big"))
    )
    if not secrets.compare_digest(expected, answer.M1):
        raise RpcFailure("PASSWORD_HASH_INVALID")


def _check_password(call: Call, request: Any) -> Any:
    if call.key.awaiting is None:
        raise RpcFailure("AUTH_KEY_UNREGISTERED")
    account = _subject(call)
    _check(call, account, request.password)
    return log_in(call, account)


def _update_settings(call: Call, request: Any) -> bool:
    account, settings = call.me, request.new_settings
    _check(call, account, request.password)
    if settings.new_algo is None or not settings.new_password_hash:
        call.world.accounts.set_password(account.user_id, None)
        return True
    algo = settings.new_algo
    password = Password(algo.salt1, algo.salt2, settings.new_password_hash, settings.hint or "")
    call.world.accounts.set_password(account.user_id, password)
    return True


METHODS: Methods = {
    functions.account.GetPasswordRequest: _get_password,
    functions.account.UpdatePasswordSettingsRequest: _update_settings,
    functions.auth.CheckPasswordRequest: _check_password,
}
