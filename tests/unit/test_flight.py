"""What a flight plan makes of what was seen."""

from medusa.batches.flight import Flight, Seen

GB = 10**9


def flight(*seen: Seen | None, links: tuple[str, ...] = (), rate: float | None = None) -> Flight:
    plan = Flight(links or tuple(str(place) for place in range(len(seen))), {}, 5 * GB, 2, 2, rate)
    plan.seen.update({place: one for place, one in enumerate(seen, start=1) if one is not None})
    return plan


def test_what_is_unknown_is_taken_for_the_mean_of_the_rest() -> None:
    plan = flight(Seen("video", GB), Seen("video", 3 * GB), Seen("page"), None, Seen(dead="404"))
    assert (plan.guess(), plan.total) == (2 * GB, 8 * GB)
    assert plan.dead == [5]


def test_what_is_unknown_is_taken_for_the_mean_of_its_kind() -> None:
    assert flight(Seen("video", 4 * GB), Seen("stream", GB), Seen("stream")).total == 6 * GB


def test_big_files_come_in_parts() -> None:
    assert flight(Seen("video", 5 * GB), Seen("video", 5 * GB + 1), Seen("file", 12 * GB)).splits == 5


def test_the_disk_holds_the_biggest_that_are_at_work_together() -> None:
    plan = flight(Seen("video", GB), Seen("video", 4 * GB, streams=True), Seen("video", 3 * GB), Seen("video", 2 * GB))
    assert plan.peak == 2 * (3 + 2) * GB
    assert flight(Seen("audio", GB, streams=True)).peak == 0
    assert flight(Seen("file", 6 * GB, streams=True)).peak == 12 * GB, "too big for one post, it is cut on the disk"


def test_what_is_unknown_may_be_as_big_as_the_biggest_that_is_not() -> None:
    plan = flight(Seen("file", 4 * GB), Seen("stream", GB), Seen("stream"))
    assert plan.total == 6 * GB
    assert plan.peak == 2 * (4 + 4) * GB


def test_the_words_say_what_is_to_be_expected() -> None:
    plan = flight(Seen("video", GB), Seen(dead="gone (404)."), None, links=("a", "b", "a"), rate=10e6)
    plan.posted[1] = "https://t.me/c/1/2"
    assert plan.lines() == [
        "1 × video",
        "1 not looked at; estimated by the others",
        "1 dead: 2 (gone (404).)",
        "1 of the links stand there more than once; they are sent once",
        "1 posted before, sent again without their bytes: 1 https://t.me/c/1/2",
        "2.0 GB in all, 1 of them estimated · at most 4.0 GB on the disk at once · about 1 min 40 s",
    ]


def test_nothing_is_said_of_nothing() -> None:
    assert flight(Seen(dead="gone")).lines() == ["1 dead: 1 (gone)"]
