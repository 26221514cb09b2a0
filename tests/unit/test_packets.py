"""Encrypted packets: what is put in comes out at the server's end, and the threads that make them give way."""

import os
import struct
import sys

import pytest

from medusa.loopback import crypto
from medusa.telegram.packets import PACKET_ROOM, Body, Envelope, Packer
from medusa.telegram.parts import PART_SIZE

KEY = bytes(range(256))


@pytest.mark.parametrize("head", [24, 900, 5000], ids=str)
@pytest.mark.parametrize("size", [0, 1, 13, 4096, PART_SIZE - 1, PART_SIZE], ids=str)
def test_a_packet_opens_to_what_was_put_in(head: int, size: int) -> None:
    packer = Packer(threads=1)
    start, payload = os.urandom(head), os.urandom(size)
    body = Body(start, size, lambda room: room.__setitem__(slice(None), payload))
    packet = packer.lease(body)
    packet[:] = b"\xa5" * len(packet)
    sent = packer.pack(Envelope(KEY, 7, -1, 2, 3, 5), body, packet)
    assert struct.unpack_from("<iq", sent) == (len(sent) - 4, 7)
    plain = crypto.decrypt(KEY, sent[4:])
    assert struct.unpack_from("<qqqii", plain) == (-1, 2, 3, 5, len(body))
    assert plain[32 : 32 + len(body)] == (start + payload).ljust(len(body), b"\0")


def test_buffers_of_parts_are_used_again() -> None:
    packer = Packer(threads=1)
    part, oversized, short = Body(b"", PART_SIZE), Body(bytes(5000), PART_SIZE), Body(b"word")
    for body in (oversized, short):
        packer.give_back(packer.lease(body))
    first = packer.lease(part)
    packer.give_back(first)
    assert len(first) == PACKET_ROOM
    assert packer.lease(part) is first
    assert packer.lease(part) is not first


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, a thread has no priority of its own")
def test_its_threads_give_way_to_the_event_loop() -> None:
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    packer = Packer(threads=1)
    before = nice()
    try:
        assert packer.executor.submit(nice).result() == min(19, before + 5)
    finally:
        packer.close()
    assert nice() == before
