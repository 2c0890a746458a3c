"""Channels, select and waiting for tokens, written once for CPython and for boards.

On a board it prints `ok NAME` or `failed NAME ERROR` for each scenario.
"""

import asyncio
import sys
import time

from sluice import (
    OVERWRITE,
    REJECT,
    WAIT,
    Channel,
    Closed,
    Get,
    Put,
    TokenBucket,
    limited_async,
    select,
)

STEPS = 14  # turns of the loop, more than any cancelled task below needs to its end

SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


async def turns(n=5):
    """Lets every task that can go on do so."""
    for _ in range(n):
        await asyncio.sleep_ms(0)


async def cancel(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return


async def outcome(awaitable):
    """What it gave, or the class of the error."""
    try:
        return await awaitable
    except (Closed, ValueError) as error:
        return type(error)


async def collect(channel, taken):
    async for item in channel:
        taken.append(item)


async def supply(channel, items, sent):
    for item in items:
        await channel.put(item)
        sent.append(item)


async def put_each(channel, items):
    """What each put returned."""
    answers = []
    for item in items:
        answers.append(await channel.put(item))
    return answers


def start(coroutine):
    return asyncio.create_task(coroutine)


# One channel


@scenario
async def a_buffer_takes_its_capacity_and_then_makes_producers_wait():
    for capacity in (1, 3):
        channel, sent, taken = Channel(capacity), [], []
        task = start(supply(channel, range(9), sent))
        await turns()
        assert sent == list(range(capacity))
        assert await channel.get() == 0
        await turns()
        assert sent == list(range(capacity + 1))
        reader = start(collect(channel, taken))
        await task
        channel.close()
        await reader
        assert taken == list(range(1, 9))


@scenario
async def a_rendezvous_put_returns_when_a_receiver_has_taken_the_item():
    channel, sent = Channel(0), []
    task = start(supply(channel, "abc", sent))
    await turns()
    assert sent == []
    assert await channel.get() == "a"
    await turns()
    assert sent == ["a"]
    assert channel.try_get() == "b"
    await turns()
    assert sent == ["a", "b"]
    assert await channel.get() == "c"
    await task
    assert channel.try_get("none") == "none"


@scenario
async def a_rendezvous_put_waits_on_when_its_receiver_is_cancelled():
    channel = Channel(0)
    receiver = start(channel.get())
    await turns()
    sender = start(channel.put("kept"))
    await asyncio.sleep_ms(0)  # the sender has run, the receiver is about to
    await cancel(receiver)
    await turns()
    assert not sender.done()
    assert await channel.get() == "kept"
    await sender


@scenario
async def a_receiver_may_come_first():
    for capacity in (0, 1, 2):
        channel, taken = Channel(capacity), []
        task = start(collect(channel, taken))
        await turns()
        for item in range(5):
            await channel.put(item)
        channel.close()
        await task
        assert taken == [0, 1, 2, 3, 4]


@scenario
async def a_rendezvous_may_drop_what_nobody_waits_for():
    channel = Channel(0, REJECT)
    assert await put_each(channel, range(3)) == [False] * 3
    task = start(channel.get())
    await turns()
    assert await channel.put("waited for") is True
    assert await channel.put("one too many") is False
    assert await task == "waited for"
    assert channel.queue.rejected == 4
    assert len(channel.queue) == 0


@scenario
async def a_rendezvous_may_keep_the_latest_item():
    channel = Channel(0, OVERWRITE)
    assert await put_each(channel, range(3)) == [True] * 3
    assert await channel.get() == 2
    assert channel.queue.overwritten == 2


@scenario
async def a_full_buffer_may_drop_the_newest_or_the_oldest():
    channel = Channel(2, REJECT)
    assert await put_each(channel, range(4)) == [True, True, False, False]
    assert (await channel.get(), await channel.get()) == (0, 1)
    channel = Channel(2, OVERWRITE)
    assert await put_each(channel, range(4)) == [True] * 4
    assert (await channel.get(), await channel.get()) == (2, 3)


@scenario
async def try_put_and_try_get_never_wait():
    channel = Channel(1)
    assert channel.try_get() is None
    assert channel.try_put(None) is True
    assert channel.try_put(2) is False
    assert channel.try_get("none") is None
    assert channel.try_get("none") == "none"
    meeting = Channel(0)
    assert meeting.try_put(1) is False
    task = start(meeting.get())
    await turns()
    assert meeting.try_put(2) is True
    assert meeting.try_put(3) is False
    assert await task == 2


@scenario
async def an_item_handed_to_a_receiver_that_is_cancelled_goes_to_the_next():
    channel = Channel(0)
    task = start(channel.get())
    await turns()
    assert channel.try_put("kept") is True
    await cancel(task)
    assert channel.try_put("nobody waits") is False
    assert await channel.get() == "kept"


@scenario
async def who_waits_longest_is_served_first():
    for capacity in (0, 2):
        channel, taken, tasks = Channel(capacity), [], []

        async def reader(name, channel=channel, taken=taken):
            taken.append((name, await channel.get()))

        for name in "abc":
            tasks.append(start(reader(name)))
            await turns()
        for item in range(4):
            tasks.append(start(supply(channel, (item,), [])))
        tasks.append(start(reader("late")))
        await asyncio.gather(*tasks)
        assert taken == [("a", 0), ("b", 1), ("c", 2), ("late", 3)], taken


@scenario
async def a_newcomer_does_not_overtake_one_that_is_about_to_wake():
    channel = Channel(1)
    first = start(channel.get())
    await turns()
    channel.try_put("for the first")
    assert await select(Get(channel), timeout_ms=0) is None
    assert await first == "for the first"
    channel.try_put("in the way")
    first = start(channel.put("first"))
    await turns()
    assert channel.try_get() == "in the way"
    assert await select(Put(channel, "overtaking"), timeout_ms=0) is None
    await first
    assert channel.try_get() == "first"


@scenario
async def closing_lets_receivers_drain_and_refuses_senders():
    for overflow in (WAIT, REJECT, OVERWRITE):
        channel, taken = Channel(3, overflow), []
        await supply(channel, range(3), [])
        channel.close()
        channel.close()
        assert await outcome(channel.put(3)) is Closed
        assert channel.try_put(4) is False
        await collect(channel, taken)
        assert taken == [0, 1, 2]
        assert await outcome(channel.get()) is Closed
        assert channel.try_get("none") == "none"


@scenario
async def closing_ends_every_wait():
    for capacity in (0, 2):
        channel = Channel(capacity)
        readers = [start(outcome(channel.get())) for _ in range(3)]
        await turns()
        channel.close()
        assert await asyncio.gather(*readers) == [Closed] * 3
        channel = Channel(capacity)
        writers = [start(outcome(channel.put(item))) for item in range(5)]
        await turns()
        channel.close()
        assert await asyncio.gather(*writers) == [True] * capacity + [Closed] * (5 - capacity)
        taken = []
        await collect(channel, taken)
        assert taken == list(range(capacity))


@scenario
async def wrong_arguments_are_named():
    for arguments, words in (
        ((-1,), "capacity must be from 0 to"),
        ((1 << 29,), "capacity must be from 0 to"),
        (("3",), "capacity must be an int from 0 to"),
        ((None,), "capacity must be an int from 0 to"),
        ((1, 3), "overflow must be WAIT, REJECT or OVERWRITE"),
    ):
        try:
            Channel(*arguments)
        except (TypeError, ValueError) as error:
            assert words in str(error)
        else:
            raise AssertionError(arguments)


# select


@scenario
async def exactly_one_case_happens():
    source, target = Channel(1), Channel(1)
    source.try_put("in")
    target.try_put("full")
    case = await select(Put(target, "out"), Get(source))
    assert (case.channel is source, case.item) == (True, "in")
    assert (target.try_get(), target.try_get()) == ("full", None)
    case = await select(Put(target, "out"), Get(source))
    assert (case.channel is target, case.accepted) == (True, True)
    assert target.try_get() == "out"


@scenario
async def the_case_that_can_happen_first_ends_the_wait():
    for capacity in (0, 1):
        a, b, target = Channel(capacity), Channel(capacity), Channel(0)
        for act in (a.put(1), b.put(2), target.get()):
            task = start(select(Get(a), Get(b), Put(target, 3)))
            await turns()
            assert not task.done()
            given = await act
            case = await task
            assert case.channel is (target if given == 3 else a if case.item == 1 else b)
            # Nothing of it is left in any line.
            assert (target.try_get(), a.try_put(0), b.try_put(0)) == (None, capacity, capacity)
            assert (a.try_get(), b.try_get()) == ((0, 0) if capacity else (None, None))


@scenario
async def two_selects_can_meet():
    a, b = Channel(0), Channel(0)
    first = start(select(Put(a, 1), Get(b)))
    await turns()
    second = await select(Get(a), Put(b, 2))
    case = await first
    assert case.channel is second.channel is a
    assert second.item == 1


@scenario
async def ready_cases_take_turns():
    channels = [Channel(1) for _ in range(3)]
    order = []
    for _ in range(12):
        for i, channel in enumerate(channels):
            channel.try_put(i)
        order.append((await select(*[Get(channel) for channel in channels])).item)
    for at in range(len(order) - 2):
        assert sorted(order[at : at + 3]) == [0, 1, 2], order


@scenario
async def two_selects_that_alternate_starve_no_case():
    channels = [Channel(1) for _ in range(4)]
    counts = [0] * 4
    for turn in range(40):
        for i, channel in enumerate(channels):
            channel.try_put(i)
        pair = channels[:2] if turn % 2 else channels[2:]
        counts[(await select(*[Get(channel) for channel in pair])).item] += 1
    assert counts == [10] * 4, counts


@scenario
async def without_time_select_does_not_wait():
    channel = Channel(1)
    assert await select(Get(channel), timeout_ms=0) is None
    assert (await select(Put(channel, 1), timeout_ms=0)).accepted
    assert await select(Put(channel, 2), timeout_ms=0) is None
    assert (await select(Get(channel), timeout_ms=0)).item == 1
    meeting = Channel(0)
    assert await select(Put(meeting, 1), timeout_ms=0) is None
    task = start(meeting.get())
    await turns()
    assert (await select(Put(meeting, 2), timeout_ms=0)).accepted
    assert await task == 2


@scenario
async def a_timeout_ends_the_wait_and_leaves_nothing_behind():
    channel, full = Channel(0), Channel(1)
    full.try_put("full")
    for case in (Get(channel), Put(channel, 1), Put(full, 1)):
        before = time.ticks_ms()
        assert await select(case, timeout_ms=20) is None
        assert time.ticks_diff(time.ticks_ms(), before) >= 20
    assert channel.try_put(2) is False
    assert channel.try_get() is None
    assert (full.try_get(), full.try_get()) == ("full", None)


@scenario
async def what_happens_within_the_timeout_counts():
    channel = Channel(0)
    task = start(select(Get(channel), timeout_ms=100))
    await turns()
    await channel.put("in time")
    assert (await task).item == "in time"


@scenario
async def select_tells_which_channel_is_closed():
    a, b = Channel(1), Channel(1)
    task = start(outcome(select(Get(a), Get(b))))
    await turns()
    b.close()
    assert await task is Closed
    try:
        await select(Get(b), Get(a))
    except Closed as error:
        assert error.channel is b
        assert str(error) == "the channel is closed"
    else:
        raise AssertionError("not closed")
    a.try_put("still open")
    assert await a.get() == "still open"


@scenario
async def select_refuses_what_can_have_no_meaning():
    channel = Channel(1)
    assert await outcome(select(Get(channel), Put(channel, 1))) is ValueError
    assert await outcome(select(Get(channel), timeout_ms=1 << 29)) is ValueError
    assert channel.try_get() is None


# Cancelling


@scenario
async def a_receiver_cancelled_at_any_step_loses_nothing():
    for capacity in (0, 1, 2):
        for steps in range(STEPS):
            channel, sent, lost, taken = Channel(capacity), [], [], []
            writer = start(supply(channel, range(6), sent))
            victim = start(collect(channel, lost))
            other = start(collect(channel, taken))
            await turns(steps)
            await cancel(victim)
            await writer
            channel.close()
            await other
            assert sorted(lost + taken) == sent == list(range(6)), (capacity, steps, lost, taken)


@scenario
async def a_sender_cancelled_at_any_step_doubles_nothing():
    for capacity in (0, 1, 2):
        for steps in range(STEPS):
            channel, sent, also, taken = Channel(capacity), [], [], []
            victim = start(supply(channel, range(10, 16), sent))
            writer = start(supply(channel, range(6), also))
            reader = start(collect(channel, taken))
            await turns(steps)
            await cancel(victim)
            await writer
            channel.close()
            await reader
            mine = [item for item in taken if item >= 10]
            # In a rendezvous the last may have been taken just before.
            assert mine == list(range(10, 10 + len(mine)))
            assert len(sent) <= len(mine) <= len(sent) + (capacity == 0), (capacity, steps)
            assert [item for item in taken if item < 10] == also == list(range(6))


@scenario
async def a_select_cancelled_at_any_step_loses_nothing():
    for capacity in (0, 1):
        for steps in range(STEPS):
            a, b = Channel(capacity), Channel(capacity)
            lost, taken = [], []

            async def both(a=a, b=b, lost=lost):
                while True:
                    lost.append((await select(Get(a), Get(b), timeout_ms=1000)).item)

            writers = [start(supply(a, range(4), [])), start(supply(b, range(10, 14), []))]
            victim = start(both())
            await turns(steps)
            await cancel(victim)
            readers = [start(collect(channel, taken)) for channel in (a, b)]
            await asyncio.gather(*writers)
            a.close()
            b.close()
            await asyncio.gather(*readers)
            assert sorted(lost + taken) == [0, 1, 2, 3, 10, 11, 12, 13], (capacity, steps)


@scenario
async def a_receiver_cancelled_when_its_item_has_come_passes_it_on():
    channel = Channel(2)
    victim, other = start(channel.get()), start(channel.get())
    await turns()
    channel.try_put("for the victim")
    await cancel(victim)
    assert await other == "for the victim"


@scenario
async def a_sender_cancelled_when_room_has_come_passes_it_on():
    channel = Channel(1)
    channel.try_put(0)
    victim, other = start(channel.put(1)), start(channel.put(2))
    await turns()
    assert channel.try_get() == 0
    await cancel(victim)
    assert await other is True
    assert (channel.try_get(), channel.try_get()) == (2, None)


@scenario
async def a_rendezvous_cancelled_just_after_its_item_was_taken_delivers_it_once():
    channel = Channel(0)
    victim, other = start(channel.put(1)), start(channel.put(2))
    await turns()
    assert channel.try_get() == 1
    await cancel(victim)
    assert (channel.try_get(), channel.try_get()) == (2, None)
    await other


# Tokens


@scenario
async def tokens_come_in_order_and_at_the_rate():
    bucket, served = TokenBucket(100, 2), []

    async def take(name, n):
        await bucket.wait(n)
        served.append(name)

    before = time.ticks_ms()
    tasks = []
    for name, n in (("a", 2), ("b", 2), ("c", 1), ("d", 1)):
        tasks.append(start(take(name, n)))
        await turns()
    assert served[0] == "a"  # and more on a machine that is busy for 20 ms meanwhile
    await asyncio.gather(*tasks)
    assert served == ["a", "b", "c", "d"]
    assert time.ticks_diff(time.ticks_ms(), before) >= 40


@scenario
async def tokens_that_can_never_come_are_refused_at_once():
    bucket = TokenBucket(1, 2)
    await bucket.wait(2)
    waiting = start(bucket.wait(2))
    await turns()
    assert await outcome(bucket.wait(3)) is ValueError
    assert not waiting.done()
    await cancel(waiting)
    bucket.set_rate(0)
    bucket.reset()
    await bucket.wait(2)
    assert await outcome(bucket.wait(1)) is ValueError


@scenario
async def a_wait_for_tokens_cancelled_at_any_step_takes_none():
    for steps in range(STEPS):
        bucket, granted = TokenBucket(1000, 1000), []
        bucket.try_acquire(1000)
        emptied = bucket.settled

        async def take(n, bucket=bucket, granted=granted):
            await bucket.wait(n)
            granted.append(n)

        first, victim, last = start(take(2)), start(take(3)), start(take(1))
        await asyncio.sleep_ms(steps // 2)
        await turns(steps % 2)
        await cancel(victim)
        await first
        await last
        assert sorted(granted) == ([1, 2, 3] if 3 in granted else [1, 2])
        left = bucket.tokens()
        assert sum(granted) + left == time.ticks_diff(bucket.settled, emptied), (steps, granted)


@scenario
async def an_unlimited_bucket_never_makes_a_task_wait():
    bucket = TokenBucket(None, 1)
    for n in (1, 5, 1 << 29):
        await bucket.wait(n)


@scenario
async def a_denied_coroutine_does_not_run_and_gives_what_was_said():
    bucket, ran = TokenBucket(0, 2), []

    @limited_async(bucket, otherwise="busy")
    async def report(x, *more, last=None):
        await asyncio.sleep_ms(0)
        ran.append((x, more, last))
        return x

    assert [await report(1), await report(2, 3, last=4), await report(5)] == [1, 2, "busy"]
    assert ran == [(1, (), None), (2, (3,), 4)]
    assert await limited_async(TokenBucket(0, 1))(report)(6) == "busy"  # of the inner one
    empty = TokenBucket(0, 1)
    empty.try_acquire()
    assert await limited_async(empty)(report)(7) is None


@scenario
async def coroutines_that_wait_run_in_the_order_in_which_they_were_called():
    bucket, ran = TokenBucket(200, 1), []
    bucket.try_acquire()

    class Sender:
        @limited_async(bucket, wait=True)
        async def send(self, x):
            ran.append(x)
            return x

    before = time.ticks_ms()
    tasks = [start(Sender().send(x)) for x in range(4)]
    await turns()
    assert ran == []
    await cancel(tasks[1])
    for x in (3, 0, 2):
        assert await tasks[x] == x
    assert ran == [0, 2, 3]
    assert time.ticks_diff(time.ticks_ms(), before) >= 14  # three gaps of 5, less a part of one


@scenario
async def a_coroutine_that_waits_for_what_never_comes_is_an_error():
    bucket = TokenBucket(10, 2)

    @limited_async(bucket, n=2, wait=True)
    async def send():
        return True

    assert await send()
    bucket.set_rate(0)
    assert await outcome(send()) is ValueError


def main():
    for function in SCENARIOS:
        try:
            asyncio.run(function())
        except Exception as error:
            sys.print_exception(error)
            print("failed", function.__name__, repr(error))
        else:
            print("ok", function.__name__)


if __name__ == "__main__":
    main()
