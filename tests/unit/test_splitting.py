"""Where files are cut: the arithmetic of sizes, parts and key frames."""

import pytest

from medusa.errors import UserError
from medusa.steps.packets import Packet, Reader
from medusa.steps.sample import middle, read_length, within
from medusa.steps.splitting import Planner, Wanted, most_of_part, pieces, read_wanted, wanted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1.9G", "1900000000B"),
        ("700M", "700000000B"),
        ("700 mb", "700000000B"),
        ("2GiB", "2147483648B"),
        ("150k", "150000B"),
        ("1900000000B", "1900000000B"),
        ("2", "2"),
        ("99", "99"),
    ],
)
def test_what_may_be_wished_for(text: str, kept: str) -> None:
    assert read_wanted(text) == kept
    assert read_wanted(kept) == kept


@pytest.mark.parametrize("text", ["", "1", "0", "100", "-3", "0M", "1.9X", "M", "2 3", "1e9G"])
def test_what_is_no_wish(text: str) -> None:
    with pytest.raises(UserError):
        read_wanted(text)


@pytest.mark.parametrize(
    ("total", "kept", "limit", "lengths"),
    [
        (10, "3", 100, [4, 4, 2]),
        (10, "4B", 100, [4, 4, 2]),
        (10, "40B", 4, [4, 4, 2]),
        (10, "2", 4, [4, 4, 2]),
        (8, "4B", 100, [4, 4]),
    ],
)
def test_files_that_are_cut_anywhere(total: int, kept: str, limit: int, lengths: list[int]) -> None:
    parts = pieces(total, wanted(kept), limit)
    assert [length for _, length in parts] == lengths
    assert [start for start, _ in parts] == [sum(lengths[:number]) for number in range(len(lengths))]


def test_too_many_parts_are_refused_with_a_size_that_would_do() -> None:
    with pytest.raises(UserError, match=r"1000 files; at most 99"):
        most_of_part(10**9, Wanted(size=10**6), 10**10)


def planned(planner: Planner, sizes: list[int], *, every: int = 1) -> list[int]:
    """The cuts among packets of these sizes, of which each ``every``-th is a key frame."""
    for number, size in enumerate(sizes):
        planner.add(size - 24, number if number % every == 0 else None)
    return planner.cuts


@pytest.mark.parametrize(
    ("most", "sizes", "every", "cuts"),
    [
        (300, [100] * 9, 1, [3, 6]),
        (350, [100] * 9, 2, [2, 4, 6]),
        (400, [100] * 9, 2, [4, 8]),
        (400, [100, 100, 300, 100, 300], 1, [2, 4]),
        (900, [100] * 9, 1, []),
    ],
)
def test_parts_as_large_as_may_be(most: int, sizes: list[int], every: int, cuts: list[int]) -> None:
    planner = Planner(most)
    assert planned(planner, sizes, every=every) == cuts
    assert not planner.overlong


@pytest.mark.parametrize(
    ("parts", "every", "cuts"),
    [(3, 1, [4, 8]), (2, 1, [6]), (4, 4, [4, 8]), (2, 5, [5]), (12, 1, list(range(1, 12)))],
)
def test_parts_about_equal(parts: int, every: int, cuts: list[int]) -> None:
    assert planned(Planner(10**6, total=1200, parts=parts), [100] * 12, every=every) == cuts


def test_equal_parts_still_keep_to_the_limit() -> None:
    assert planned(Planner(300, total=1200, parts=2), [100] * 12) == [3, 6, 9]


@pytest.mark.parametrize("sizes", [[100] * 8, [50, 50, 50, 50, 50, 500]])
def test_key_frames_that_are_too_far_apart(sizes: list[int]) -> None:
    planner = Planner(250)
    planned(planner, sizes, every=4)
    assert planner.overlong


def test_a_hundred_thousand_key_frames_leave_nothing_but_cuts() -> None:
    planner = Planner(10**6)
    for number in range(100_000):
        planner.add(40_000, number)
    assert not planner.overlong
    assert len(planner.cuts) == 100_000 // (10**6 // 40_024)


def test_what_ffmpeg_says_of_packets() -> None:
    reader = Reader()
    for line in ("#extradata 0: 45, 0x23c80ea0", "#tb 0: 1/12800", "#media_type 0: video", "#sar 0: 1/1"):
        assert reader.packet(line) is None
    assert reader.packet("0,      -1024,          0,      512,     4109, 0xa38c7996") == Packet(
        0, "video", 0.0, 0.04, 4109, key=True
    )
    later = reader.packet("0,       -512,       1536,      512,     1543, 0x4b4cf527, F=0x0")
    assert later == Packet(0, "video", 0.12, 0.04, 1543, key=False)
    dropped = reader.packet("0,  12800, -9223372036854775808, 512, 258, 0x2c5b786a, F=0x5, S=1, Skip Samples, 10, 0x24")
    assert dropped == Packet(0, "video", 1.0, 0.04, 258, key=True)


@pytest.mark.parametrize(("text", "kept"), [("", ""), ("3", "3"), ("2.5s", "2.5"), (" 10 sec", "10")])
def test_lengths_of_samples(text: str, kept: str) -> None:
    assert read_length(text) == kept


@pytest.mark.parametrize("text", ["0", "-1", "99999", "3601", "a minute", "2 3"])
def test_what_is_no_length(text: str) -> None:
    with pytest.raises(UserError):
        read_length(text)


@pytest.mark.parametrize(
    ("length", "seconds", "part"),
    [(1000, None, (485, 515)), (100, None, (45, 55)), (6, 2, (2, 4)), (6, 60, (0, 6))],
)
def test_the_middle(length: float, seconds: float | None, part: tuple[float, float]) -> None:
    assert middle(length, seconds) == part


@pytest.mark.parametrize(
    ("ranges", "part", "kept"),
    [
        (((0, 10),), (4, 6), ((4, 6),)),
        (((10, 20), (30, 40)), (8, 12), ((18, 20), (30, 32))),
        (((10, 20), (30, 40)), (12, 15), ((32, 35),)),
        (((1, 2), (3, 4), (5, 6)), (0.5, 2.5), ((1.5, 2), (3, 4), (5, 5.5))),
    ],
)
def test_a_part_of_ranges(
    ranges: tuple[tuple[float, float], ...], part: tuple[float, float], kept: tuple[tuple[float, float], ...]
) -> None:
    assert within(ranges, part) == kept
