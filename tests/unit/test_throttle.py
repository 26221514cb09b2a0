"""Limits in virtual time: how much passes, who goes first, and what cancelling and changing do."""

import asyncio
import functools
import gc
import random
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from itertools import accumulate
from typing import Any

import pytest

from medusa.throttle import BURST_SECONDS, Flow, Throttle, Turns, current_flow, own_flow


class _Leaping(selectors.SelectSelector):
    """A selector that does not wait but puts the clock forward."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "Nothing will ever wake this up."
        self.now += max(0.0, timeout)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Have a test run in a loop of its own whose clock leaps from one timer to the next."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


def now() -> float:
    return asyncio.get_running_loop().time()


class Log:
    """Who took what, when; ``passed`` are moment, flow and size of each."""

    def __init__(self, rate: int | None) -> None:
        self.throttle = Throttle()
        self.throttle.limit(rate)
        self.passed: list[tuple[float, Flow, int]] = []

    async def take(self, flow: Flow, *sizes: int) -> None:
        for size in sizes:
            await self.throttle.take(size, flow)
            self.passed.append((now(), flow, size))

    def start(self, flow: Flow, *sizes: int) -> asyncio.Task[None]:
        return asyncio.create_task(self.take(flow, *sizes))

    def shares(self, count: int) -> Mapping[Flow, int]:
        """How many of the first ``count`` went to each flow."""
        return Counter(flow for _, flow, _ in self.passed[:count])

    def assert_within(self, rate: int) -> None:
        """In no span of time did more pass than the limit says."""
        sums = [0, *accumulate(size for _, _, size in self.passed)]
        most = max(rate * BURST_SECONDS, *(size for _, _, size in self.passed))
        for first, (begin, _, _) in enumerate(self.passed):
            for last in range(first, len(self.passed)):
                assert sums[last + 1] - sums[first] <= rate * (self.passed[last][0] - begin) + most + 2

    def assert_empty(self) -> None:
        assert not self.throttle._turns
        assert self.throttle._timer is None


def test_without_a_limit_nothing_waits() -> None:
    with pytest.raises(StopIteration):
        Throttle().take(10**12).send(None)
    assert Throttle().portion(1000) == 1000


@in_virtual_time
async def test_a_lone_flow_gets_the_whole_rate_and_no_more() -> None:
    log = Log(100_000)
    await log.take(Flow(), *[10_000] * 100)
    log.assert_within(100_000)
    assert now() == pytest.approx(10.0, abs=0.3)


@in_virtual_time
async def test_what_nobody_used_is_saved_up_for_a_moment_only() -> None:
    log = Log(100_000)
    await asyncio.sleep(3600)
    await log.take(Flow(), *[5_000] * 100)
    log.assert_within(100_000)
    assert now() - 3600 == pytest.approx((500_000 - 25_000) / 100_000, abs=0.001)


@in_virtual_time
async def test_a_part_over_the_burst_passes_and_is_paid_off() -> None:
    log = Log(20_000)
    await log.take(Flow(), *[524_288] * 3)
    log.assert_within(20_000)
    first, second, third = (moment for moment, _, _ in log.passed)
    assert first == pytest.approx(BURST_SECONDS, abs=0.001)
    assert (second - first, third - second) == pytest.approx((26.2144, 26.2144), abs=0.001)


@in_virtual_time
async def test_nothing_waits_for_nothing() -> None:
    log = Log(20_000)
    await log.take(Flow(), 524_288, 0)
    assert log.passed[1][0] == log.passed[0][0]


@in_virtual_time
async def test_flows_share_alike_however_many_requests_they_have_waiting() -> None:
    log, many, one, small = Log(1_000_000), Flow(), Flow(), Flow()
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(log.take(many, *[50_000] * 10))
        group.create_task(log.take(one, *[50_000] * 60))
        group.create_task(log.take(small, *[10_000] * 300))
    moved: Counter[Flow] = Counter()
    for _, flow, size in log.passed[:250]:
        moved[flow] += size
    assert max(moved.values()) - min(moved.values()) <= 100_000
    log.assert_within(1_000_000)
    log.assert_empty()


@in_virtual_time
async def test_weights_are_shares_and_nobody_starves() -> None:
    log, high, normal, low = Log(1_000_000), Flow(4), Flow(), Flow(1)
    tasks = [log.start(flow, *[50_000] * 400) for flow in (low, normal, high) for _ in range(2)]
    await asyncio.sleep(36)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for count in (70, 350, 700):
        shares = log.shares(count)
        assert shares[high] == pytest.approx(count * 4 / 7, abs=2)
        assert shares[normal] == pytest.approx(count * 2 / 7, abs=2)
        assert shares[low] == pytest.approx(count * 1 / 7, abs=2)
    log.assert_empty()


@in_virtual_time
async def test_a_newcomer_neither_waits_for_the_past_nor_profits_from_it() -> None:
    log, old, new = Log(1_000_000), Flow(), Flow()
    task = log.start(old, *[50_000] * 200)
    await asyncio.sleep(5)
    before = len(log.passed)
    other = log.start(new, *[50_000] * 40)
    await asyncio.sleep(2)
    log.passed = log.passed[before:]
    assert log.shares(40)[new] == pytest.approx(20, abs=1)
    await asyncio.sleep(3)
    await other
    log.passed.clear()
    other = log.start(new, *[50_000] * 40)
    await asyncio.sleep(2)
    assert log.shares(40)[new] == pytest.approx(20, abs=1)
    await asyncio.gather(task, other)


@pytest.mark.parametrize(("rate", "seconds"), [(1_000_000, 0.825), (None, 0.0), (10_000, 57.75)])
@in_virtual_time
async def test_a_new_limit_holds_at_once_for_those_who_wait(rate: int | None, seconds: float) -> None:
    log = Log(20_000)
    await log.take(Flow(), 300_000)
    tasks = [log.start(Flow(), 300_000) for _ in range(2)]
    await asyncio.sleep(1)
    changed = now()
    log.throttle.limit(rate)
    await asyncio.gather(*tasks)
    assert now() - changed == pytest.approx(seconds, abs=0.001)
    log.assert_empty()


@in_virtual_time
async def test_a_limit_that_was_lifted_leaves_no_debt() -> None:
    log = Log(20_000)
    await log.take(Flow(), 10_000_000)
    log.throttle.limit(None)
    log.throttle.limit(20_000)
    begin = now()
    await log.take(Flow(), 1_000)
    assert now() - begin < 1


@in_virtual_time
async def test_who_gives_up_costs_the_others_nothing() -> None:
    log, other = Log(20_000), Flow()
    await log.take(Flow(), 20_000)
    paid = now() + 1.0
    tasks = [log.start(Flow(), 500_000) for _ in range(5)]
    last = log.start(other, 4_000)
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    await last
    assert now() <= paid
    assert [flow for _, flow, _ in log.passed[1:]] == [other]
    log.assert_empty()


@in_virtual_time
async def test_a_flow_that_gave_up_waiting_is_not_put_behind() -> None:
    log, one, other = Log(100_000), Flow(), Flow()
    tasks = [log.start(one, 10_000) for _ in range(50)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.gather(log.take(other, *[10_000] * 20), log.take(one, *[10_000] * 20))
    assert log.shares(20)[one] == pytest.approx(10, abs=1)


@in_virtual_time
async def test_what_was_granted_to_the_cancelled_is_given_back() -> None:
    log = Log(20_000)
    task = log.start(Flow(), 500_000)
    await asyncio.sleep(0)
    timer = log.throttle._timer
    assert timer is not None
    # In the same round of the loop: after the grant, before the task hears of it.
    asyncio.get_running_loop().call_at(timer.when() + 1e-12, task.cancel)
    await asyncio.wait({task})
    assert task.cancelled()
    assert not log.passed
    begin = now()
    await log.take(Flow(), 1_000)
    assert now() - begin < 1
    log.assert_empty()


@in_virtual_time
async def test_all_waits_can_be_cancelled_without_a_trace() -> None:
    log = Log(20_000)
    tasks = [log.start(Flow(), 500_000, 500_000) for _ in range(20)]
    await asyncio.sleep(100)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    log.assert_empty()
    del tasks, task
    log.passed.clear()
    gc.collect()
    assert not len(log.throttle._turns._times)


@pytest.mark.parametrize("seed", range(10))
@in_virtual_time
async def test_whatever_happens_the_limit_is_kept_and_used(seed: int) -> None:
    die = random.Random(seed)
    rate = die.choice([20_000, 300_000, 5_000_000])
    log, flows = Log(rate), [Flow(die.choice([1, 2, 4])) for _ in range(5)]
    tasks = []
    for _ in range(40):
        sizes = [die.choice([1, 1_000, 70_000, 524_288]) for _ in range(die.randrange(1, 6))]
        tasks.append(log.start(die.choice(flows), *sizes))
        await asyncio.sleep(die.choice([0, 0, 0.01, 0.5]))
        if die.random() < 0.2:
            die.choice(tasks).cancel()
    busy_from = now()
    passed = len(log.passed)
    await asyncio.wait(tasks)
    log.assert_within(rate)
    log.assert_empty()
    rest = sum(size for _, _, size in log.passed[passed:])
    assert now() - busy_from <= (rest + 524_288) / rate + BURST_SECONDS + 0.01


async def test_tasks_belong_to_the_flow_they_were_started_in() -> None:
    async def flow() -> Flow:
        await asyncio.sleep(0)
        return current_flow()

    common = current_flow()
    with own_flow() as first:
        begun = asyncio.create_task(flow())
        assert current_flow() is first
    with own_flow(4) as second:
        assert await asyncio.create_task(flow()) is second
    assert await begun is first
    assert (first.weight, second.weight) == (2, 4)
    assert current_flow() is common


async def test_turns_go_round_the_flows_and_keep_their_order_within() -> None:
    turns, one, other, heavy = Turns(), Flow(), Flow(), Flow(4)
    joined = [turns.join(flow, 10) for flow in (one, one, one, other, other, heavy, heavy, heavy, heavy)]
    served = []
    while turn := turns.next():
        turns.serve(turn)
        served.append(joined.index(turn))
    assert served == [0, 3, 5, 6, 1, 4, 7, 8, 2]
    assert not turns
