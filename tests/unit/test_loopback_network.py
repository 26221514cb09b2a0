"""The arithmetic of the embedded Telegram's network: distance costs time and no bandwidth."""

import asyncio

import pytest

from medusa.loopback import Network
from medusa.loopback.network import Direction, Outlet, until
from medusa.loopback.sockets import Socket

MB = 1_000_000


class Collected:
    """Where an outlet writes to."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.pieces.extend(pieces)


async def test_distance_takes_no_bandwidth() -> None:
    near, far = Direction(Network(up_cap=8 * MB)), Direction(Network(rtt=100.0, up_cap=8 * MB))
    for direction in (near, far):
        moments = [direction.admit(MB, 8 * MB) for _ in range(9)]
        assert moments[-1] - moments[0] == pytest.approx(1.0)
    assert far.admit(0, 8 * MB) - far.free == pytest.approx(50.0)
    assert near.admit(0, 8 * MB) == near.free


async def test_without_a_cap_nothing_waits_for_its_turn() -> None:
    direction = Direction(Network(rtt=100.0))
    first, last = direction.admit(MB, None), direction.admit(1000 * MB, None)
    assert first <= last
    assert direction.free <= asyncio.get_running_loop().time()


async def test_nothing_overtakes_when_the_distance_shrinks() -> None:
    network = Network(rtt=100.0)
    direction = Direction(network)
    first = direction.admit(1, None)
    network.rtt = 0.0
    assert direction.admit(1, None) == first


async def test_an_outlet_keeps_the_order() -> None:
    network, sink = Network(rtt=0.02), Collected()
    outlet = Outlet(network, sink)
    for number in range(50):
        outlet.send((b"%d" % number, b","))
    assert (outlet.held, sink.pieces) == (10 + 80 + 50, [])
    network.rtt = 0.0
    outlet.send((b"last",))
    await outlet.emptied()
    assert b"".join(sink.pieces) == b",".join(b"%d" % number for number in range(50)) + b",last"
    assert outlet.held == 0
    outlet.send((b"at once",))
    assert sink.pieces[-1] == b"at once"


async def test_a_cut_outlet_loses_what_is_on_its_way() -> None:
    sink = Collected()
    outlet = Outlet(Network(rtt=0.002), sink)
    outlet.send((b"gone",))
    outlet.clear()
    await outlet.emptied()
    await until(asyncio.get_running_loop().time() + 0.01)
    assert sink.pieces == []


async def test_a_socket_hands_out_any_lengths() -> None:
    accepted: asyncio.Queue[Socket] = asyncio.Queue()
    server = await asyncio.get_running_loop().create_server(lambda: Socket(accepted.put_nowait), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        socket = await accepted.get()
        data = bytes(range(256)) * 4096
        writer.write(data)
        writer.write_eof()
        lengths = [1, 3, 60_000, 70_000, 65_536, 7, 500_000]
        got = [bytes(await socket.readexactly(length)) for length in lengths]
        assert b"".join(got) == data[: sum(lengths)]
        rest = len(data) - sum(lengths)
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await socket.readexactly(rest + 1)
        assert caught.value.partial == data[-rest:]
        with pytest.raises(asyncio.IncompleteReadError):
            await socket.readexactly(1)
        socket.writelines((b"bye",))
        socket.close()
        assert await reader.read() == b"bye"
        writer.close()
        await writer.wait_closed()
        with pytest.raises(ConnectionResetError):
            await socket.drain()
