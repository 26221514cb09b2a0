"""MTProto 2.0's arithmetic: the key of the server, the keys of messages, the parameters of Diffie-Hellman."""

import os
import struct
from dataclasses import dataclass
from hashlib import sha1, sha256

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from telethon.crypto import AES

from medusa.loopback.tl import tl_bytes

# The safe prime that Telegram's servers use and that clients know to be good.
# https://core.telegram.org/mtproto/security_guidelines#validating-dh-parameters
DH_PRIME_BYTES = bytes.fromhex(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db"
    "fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41"
    "0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf"
    "6f4fadf034b10403119cd8e3b92fcc5b"
)
DH_PRIME = int.from_bytes(DH_PRIME_BYTES, "big")
DH_G = 3

MIN_PADDING, MAX_PADDING = 12, 1024


class BadMessage(Exception):
    """An encrypted message whose key, length or padding is not what the protocol demands."""


def key_id(key: bytes) -> int:
    """The signed 64-bit id of an auth key: the low 64 bits of its SHA-1."""
    return int.from_bytes(sha1(key).digest()[-8:], "little", signed=True)  # noqa: S324 -- the protocol's own choice


def in_safe_range(number: int) -> bool:
    """True when a public Diffie-Hellman value is far enough from both ends.

    https://core.telegram.org/mtproto/security_guidelines#g-a-and-g-b-validation
    """
    margin = 1 << (2048 - 64)
    return margin < number < DH_PRIME - margin


def _aes_of(auth_key: bytes, msg_key: bytes, offset: int) -> tuple[bytes, bytes]:
    first = sha256(msg_key + auth_key[offset : offset + 36]).digest()
    second = sha256(auth_key[offset + 40 : offset + 76] + msg_key).digest()
    return first[:8] + second[8:24] + first[24:], second[:8] + first[8:24] + second[24:]


def _msg_key(auth_key: bytes, plain: bytes, offset: int) -> bytes:
    digest = sha256(auth_key[88 + offset : 120 + offset])
    digest.update(plain)
    return digest.digest()[8:24]


def decrypt(auth_key: bytes, packet: bytes | bytearray | memoryview, *, checked: bool = True) -> bytes:
    """The plain text of a client's packet (key id, msg_key, cipher text). Raises BadMessage.

    Unless ``checked``, the message key is believed.

    https://core.telegram.org/mtproto/description
    """
    # The one copy on the way from the socket: cryptg takes nothing but bytes.
    msg_key, cipher = bytes(packet[8:24]), bytes(memoryview(packet)[24:])
    if len(cipher) < 48 or len(cipher) % 16:
        raise BadMessage("length")
    plain: bytes = AES.decrypt_ige(cipher, *_aes_of(auth_key, msg_key, 0))
    if checked and _msg_key(auth_key, plain, 0) != msg_key:
        raise BadMessage("msg_key")
    (length,) = struct.unpack_from("<i", plain, 28)
    if length < 0 or length % 4 or not MIN_PADDING <= len(plain) - 32 - length <= MAX_PADDING:
        raise BadMessage("padding")
    return plain


def encrypt(auth_key: bytes, plain: bytes) -> bytes:
    """A server's packet around ``plain`` (salt, session id, msg_id, seqno, length, body)."""
    plain += os.urandom(-(len(plain) + MIN_PADDING) % 16 + MIN_PADDING)
    msg_key = _msg_key(auth_key, plain, 8)
    cipher: bytes = AES.encrypt_ige(plain, *_aes_of(auth_key, msg_key, 8))
    return struct.pack("<q", key_id(auth_key)) + msg_key + cipher


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The RSA key that proves the server; ``fingerprint`` is what ``resPQ`` names it by.

    ``exponents`` and ``coefficient`` are the private exponent taken apart by the ``primes`` (RFC 8017, 3.2), which
    makes `decrypt` four times as fast.
    """

    modulus: int
    public_exponent: int
    primes: tuple[int, int]
    exponents: tuple[int, int]
    coefficient: int
    public_pem: bytes
    private_pem: bytes

    @property
    def fingerprint(self) -> int:
        """The low 64 bits of the SHA-1 over the TL bytes of modulus and exponent, signed."""
        parts = [tl_bytes(n.to_bytes((n.bit_length() + 7) // 8, "big")) for n in (self.modulus, self.public_exponent)]
        return int.from_bytes(sha1(b"".join(parts)).digest()[-8:], "little", signed=True)  # noqa: S324 -- as above

    def decrypt(self, data: bytes) -> bytes:
        """Raw RSA of 256 bytes, without any padding scheme: those are part of the handshake."""
        number = int.from_bytes(data, "big")
        first, second = (pow(number, e, p) for e, p in zip(self.exponents, self.primes, strict=True))
        p, q = self.primes
        return (second + q * ((first - second) * self.coefficient % p)).to_bytes(256, "big")


def make_server_key() -> ServerKey:
    """A fresh 2048-bit key."""
    return _server_key(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def load_server_key(pem: bytes) -> ServerKey:
    """The key in a PKCS#1 PEM. Raises ValueError or TypeError when it is none."""
    # Proving the primes anew at each start would take as long as finding them; it is our own file.
    private = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return _server_key(private)


def _server_key(private: rsa.RSAPrivateKey) -> ServerKey:
    numbers = private.private_numbers()
    return ServerKey(
        modulus=numbers.public_numbers.n,
        public_exponent=numbers.public_numbers.e,
        primes=(numbers.p, numbers.q),
        exponents=(numbers.dmp1, numbers.dmq1),
        coefficient=numbers.iqmp,
        public_pem=private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1),
        private_pem=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )
