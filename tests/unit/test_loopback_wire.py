"""The embedded Telegram's pure parts: framing, TL, the key exchange, measures of pictures, lengths of texts."""

import asyncio
import os
import struct
import time
from collections.abc import Callable
from hashlib import sha1, sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import helpers
from telethon.crypto import AES, AuthKey
from telethon.tl import functions, types

from medusa.loopback import tl
from medusa.loopback.crypto import DH_G, DH_PRIME, BadMessage, ServerKey, decrypt, encrypt, make_server_key
from medusa.loopback.framing import Abridged, BrokenFrame, Framing, Full, Intermediate, detect
from medusa.loopback.handshake import Handshake, HandshakeFailed, NewKey
from medusa.loopback.media import image_size
from medusa.loopback.posting import utf16_length, with_links
from medusa.loopback.rpc import code_of

FRAMINGS: dict[str, tuple[bytes, Callable[[bytes], Framing]]] = {
    "full": (b"", Full),
    "abridged": (b"\xef", lambda head: Abridged()),
    "intermediate": (b"\xee" * 4, lambda head: Intermediate()),
    "padded": (b"\xdd" * 4, lambda head: Intermediate(padded=True)),
}


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


def plain_packet(length: int) -> bytes:
    return struct.pack("<qqi", 0, 4, length) + os.urandom(length)


@pytest.mark.parametrize("name", FRAMINGS)
async def test_what_is_framed_is_read_again(name: str) -> None:
    tag, make = FRAMINGS[name]
    sender = make(b"")
    packets = [plain_packet(40), os.urandom(24 + 16 * 40), os.urandom(24 + 16 * 40000)]
    pieces = [piece for packet in packets for piece in sender.frame(packet)]
    assert all(pieces)
    reader = reader_of(tag + b"".join(pieces))
    receiver = await detect(reader)
    assert [await receiver.read(reader) for _ in packets] == packets


@pytest.mark.parametrize("name", FRAMINGS)
async def test_transport_errors_are_four_bytes_in_a_frame(name: str) -> None:
    tag, make = FRAMINGS[name]
    sender = make(b"")
    reader = reader_of(tag + sender.error(404))
    receiver = await detect(reader)
    assert (await receiver.read(reader))[:4] == struct.pack("<i", -404)


def test_a_flood_on_the_full_transport_is_three_bare_numbers() -> None:
    assert Full(b"").error(429) == struct.pack("<iii", -429, -429, -429)


@pytest.mark.parametrize("length", [0, -1, (2 << 20) + 1])
async def test_lengths_beyond_reason_are_refused(length: int) -> None:
    reader = reader_of(struct.pack("<i", length + 12) + bytes(100))
    with pytest.raises(BrokenFrame):
        await Full(b"").read(reader)


async def test_a_flipped_bit_breaks_the_checksum() -> None:
    frame = bytearray(b"".join(Full(b"").frame(bytes(40))))
    frame[20] ^= 1
    with pytest.raises(BrokenFrame):
        await Full(b"").read(reader_of(bytes(frame)))


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        tl.parse(data)
        tl.unfold(1, 1, data)
    except tl.Unreadable:
        return


@given(st.integers(0, 120), st.binary(max_size=60))
def test_damaged_requests_are_parsed_or_refused(cut: int, tail: bytes) -> None:
    whole = bytes(functions.messages.SendMessageRequest(types.InputPeerSelf(), "text" * 20, random_id=5))
    try:
        tl.parse(whole[:cut] + tail)
    except tl.Unreadable:
        return


def test_containers_do_not_hold_containers() -> None:
    inner = struct.pack("<Ii", tl.CONTAINER, 0)
    outer = struct.pack("<Iiqii", tl.CONTAINER, 1, 4, 1, len(inner)) + inner
    with pytest.raises(tl.Unreadable):
        tl.unfold(4, 1, outer)


@pytest.mark.parametrize(
    ("request_type", "name"),
    [
        (functions.upload.SaveBigFilePartRequest, "upload.saveBigFilePart"),
        (functions.PingRequest, "ping"),
        (functions.messages.SendMediaRequest, "messages.sendMedia"),
    ],
)
def test_methods_are_called_by_their_tl_names(request_type: type, name: str) -> None:
    assert tl.method_name(request_type) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FLOOD_WAIT_3", 420),
        ("FLOOD_PREMIUM_WAIT_3", 420),
        ("AUTH_KEY_DUPLICATED", 406),
        ("SESSION_REVOKED", 401),
        ("SESSION_PASSWORD_NEEDED", 401),
        ("USER_DEACTIVATED_BAN", 401),
        ("CHAT_WRITE_FORBIDDEN", 403),
        ("RPC_CALL_FAIL", 500),
        ("FILE_PART_7_MISSING", 400),
    ],
)
def test_errors_have_telegrams_codes(name: str, code: int) -> None:
    assert code_of(name) == code


def test_messages_are_decrypted_only_whole() -> None:
    key = os.urandom(256)
    packet = encrypt(key, bytes(28) + struct.pack("<i", 8) + bytes(8))
    with pytest.raises(BadMessage, match="msg_key"):
        decrypt(key, packet)
    with pytest.raises(BadMessage, match="length"):
        decrypt(key, packet[:40])


@pytest.fixture(scope="module")
def server_key() -> ServerKey:
    return make_server_key()


class Exchange:
    """A client's side of the key exchange, with either padding of its first secret."""

    def __init__(self, server_key: ServerKey) -> None:
        self.key = server_key
        self.accepted: list[NewKey] = []
        self.handshake = Handshake(server_key, self.accept)
        self.taken = False

    def accept(self, new: NewKey) -> bool:
        self.accepted.append(new)
        return not self.taken

    def ask(self, request: Any) -> Any:
        body = bytes(request)
        reply = self.handshake.answer(struct.pack("<qqi", 0, 4, len(body)) + body)
        return tl.parse(reply[20:])

    def begin(self, kind: Any = types.PQInnerData, *extra: Any, rsa_pad: bool = False) -> Any:
        """Steps 1 to 5; returns the ``server_DH_inner_data``."""
        self.pq = self.ask(functions.ReqPqMultiRequest(7))
        self.new_nonce = int.from_bytes(os.urandom(32), "little", signed=True)
        p, q = b"\x01\x00\x00\x2b", b"\x3f\xff\xff\xdd"
        inner = bytes(kind(self.pq.pq, p, q, 7, self.pq.server_nonce, self.new_nonce, *extra))
        encrypted = (self._rsa_pad if rsa_pad else self._rsa_old)(inner)
        request = functions.ReqDHParamsRequest(7, self.pq.server_nonce, p, q, self.key.fingerprint, encrypted)
        answer = self.ask(request)
        self.aes = helpers.generate_key_data_from_nonce(self.pq.server_nonce, self.new_nonce)
        plain = AES.decrypt_ige(answer.encrypted_answer, *self.aes)
        found = tl.parse(plain[20:])
        assert sha1(bytes(found)).digest() == plain[:20]  # noqa: S324
        return found

    def finish(self, offer: Any, secret: int, g_b: int | None = None) -> tuple[Any, AuthKey]:
        """The last step; returns the answer and the key that the client has."""
        public = pow(DH_G, secret, DH_PRIME) if g_b is None else g_b
        inner = bytes(types.ClientDHInnerData(7, self.pq.server_nonce, 0, public.to_bytes(256, "big")))
        cipher = AES.encrypt_ige(sha1(inner).digest() + inner, *self.aes)  # noqa: S324
        answer = self.ask(functions.SetClientDHParamsRequest(7, self.pq.server_nonce, cipher))
        agreed = pow(int.from_bytes(offer.g_a, "big"), secret, DH_PRIME)
        return answer, AuthKey(agreed.to_bytes((agreed.bit_length() + 7) // 8, "big"))

    def _rsa_old(self, inner: bytes) -> bytes:
        block = sha1(inner).digest() + inner  # noqa: S324
        return self._rsa(block + os.urandom(255 - len(block)))

    def _rsa_pad(self, inner: bytes) -> bytes:
        while True:
            data = inner + os.urandom(192 - len(inner))
            temp = os.urandom(32)
            cipher = AES.encrypt_ige(data[::-1] + sha256(temp + data).digest(), temp, bytes(32))
            block = bytes(a ^ b for a, b in zip(temp, sha256(cipher).digest(), strict=True)) + cipher
            if int.from_bytes(block, "big") < self.key.modulus:
                return self._rsa(block)

    def _rsa(self, block: bytes) -> bytes:
        number = pow(int.from_bytes(block, "big"), self.key.public_exponent, self.key.modulus)
        return number.to_bytes(256, "big")


@pytest.mark.parametrize("rsa_pad", [False, True])
@pytest.mark.parametrize(
    ("kind", "extra", "life"),
    [
        (types.PQInnerData, (), None),
        (types.PQInnerDataDc, (2,), None),
        (types.PQInnerDataTemp, (60,), 60),
        (types.PQInnerDataTempDc, (2, 60), 60),
    ],
)
def test_both_paddings_and_all_kinds_of_keys(
    server_key: ServerKey, kind: Any, extra: tuple[int, ...], life: int | None, rsa_pad: bool
) -> None:
    exchange = Exchange(server_key)
    offer = exchange.begin(kind, *extra, rsa_pad=rsa_pad)
    assert abs(offer.server_time - time.time()) < 60
    answer, key = exchange.finish(offer, int.from_bytes(os.urandom(256), "big"))
    assert isinstance(answer, types.DhGenOk)
    assert answer.new_nonce_hash1 == key.calc_new_nonce_hash(exchange.new_nonce, 1)
    assert key.key in [new.key for new in exchange.accepted]
    assert {new.expires_in for new in exchange.accepted} == {life}


def test_a_key_with_a_leading_zero_is_kept_in_both_forms(server_key: ServerKey) -> None:
    exchange = Exchange(server_key)
    offer = exchange.begin()
    g_a = int.from_bytes(offer.g_a, "big")
    secret, agreed = 1 << 2040, pow(g_a, 1 << 2040, DH_PRIME)
    while agreed >> 2040:
        secret, agreed = secret + 1, agreed * g_a % DH_PRIME
    answer, key = exchange.finish(offer, secret)
    assert answer.new_nonce_hash1 == key.calc_new_nonce_hash(exchange.new_nonce, 1)
    assert {new.key for new in exchange.accepted} == {key.key, agreed.to_bytes(256, "big")}


def test_a_taken_key_is_tried_again_and_a_weak_one_refused(server_key: ServerKey) -> None:
    exchange = Exchange(server_key)
    offer = exchange.begin()
    exchange.taken = True
    secret = int.from_bytes(os.urandom(256), "big")
    answer, key = exchange.finish(offer, secret)
    assert isinstance(answer, types.DhGenRetry)
    assert answer.new_nonce_hash2 == key.calc_new_nonce_hash(exchange.new_nonce, 2)
    weak, _ = exchange.finish(offer, secret, g_b=5)
    assert isinstance(weak, types.DhGenFail)
    exchange.taken = False
    assert isinstance(exchange.finish(offer, secret + 1)[0], types.DhGenOk)


def test_steps_out_of_turn_are_refused(server_key: ServerKey) -> None:
    exchange = Exchange(server_key)
    for request in (
        functions.SetClientDHParamsRequest(0, 0, bytes(32)),
        functions.ReqDHParamsRequest(0, 0, b"", b"", 0, bytes(256)),
        functions.help.GetConfigRequest(),
    ):
        with pytest.raises(HandshakeFailed):
            exchange.ask(request)
    pq = exchange.ask(functions.ReqPqMultiRequest(7))
    for secret in (bytes(255), os.urandom(256), bytes(256)):
        with pytest.raises(HandshakeFailed):
            exchange.ask(functions.ReqDHParamsRequest(7, pq.server_nonce, b"", b"", 0, secret))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"", None),
        (b"GIF89a", None),
        (b"\xff\xd8\xff", None),
        (b"\xff\xd8\xff\xe0\x00\x10" + bytes(14) + b"\xff\xc2\x00\x11\x08\x01\x40\x00\xb4" + bytes(8), (180, 320)),
        (b"\xff\xd8\xff\xc4\x00\x02\xff\xc0\x00\x11\x08\x00\x02\x00\x03" + bytes(8), (3, 2)),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 640, 360), (640, 360)),
    ],
)
def test_pictures_are_measured(data: bytes, size: tuple[int, int] | None) -> None:
    assert image_size(data) == size


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("no link", []),
        ("https://a.example/x", [(0, 19)]),
        ("😀 (http://a.example/x).", [(4, 18)]),
        ("HTTPS://A.EXAMPLE and ftp://b.example", [(0, 17)]),
        ("http://a.example http://b.example", [(0, 16), (17, 16)]),
    ],
)
def test_links_are_found_in_utf16_units(text: str, links: list[tuple[int, int]]) -> None:
    found = [(entity.offset, entity.length) for entity in with_links(text, None) or []]
    assert (found, utf16_length("😀x")) == (links, 3)


def test_a_link_that_is_marked_already_stays_as_it_is() -> None:
    given_entity = types.MessageEntityCode(0, 16)
    assert with_links("http://a.example", [given_entity]) == [given_entity]
