"""Tasks that put into channels and get from them, and the account of every item at the end."""

import asyncio
from collections import Counter

from stepped import run

from host_sim import TickClock
from sluice.queue.channel import WAIT, Channel, Closed, Get, Put, select

A_WHILE_S = 3600  # of the clock that only the loop moves: until nothing more can happen


class World:
    """Two channels, the tasks on them, and what these saw.

    channels: for each, (capacity, overflow).
    actors:   for each task, (method of World, its arguments).
    """

    def __init__(self, channels, actors):
        self.channels = [Channel(*each, interrupts=True) for each in channels]
        self.actors = actors
        self.tasks = []
        self.sent = []  # (channel, item) of each put that returned True
        self.doubtful = []  # of each put that was cancelled
        self.got = []
        self.pulses = 0

    # The tasks

    async def supply(self, name, n, *targets, timeout_ms=-1):
        """Puts n items, each into whichever target takes it first."""
        for i in range(n):
            item = (name, i)
            try:
                if len(targets) == 1 and timeout_ms < 0:
                    target = targets[0]
                    accepted = await self.channels[target].put(item)
                else:
                    cases = [Put(self.channels[target], item) for target in targets]
                    case = await select(*cases, timeout_ms=timeout_ms)
                    accepted = case is not None and case.accepted
                    target = accepted and self.channels.index(case.channel)
            except asyncio.CancelledError:
                self.doubtful += [(target, item) for target in targets]
                raise
            if accepted:
                self.sent.append((target, item))

    async def take(self, n, *sources, timeout_ms=-1):
        """Takes up to n items, each from whichever source gives one first."""
        for _ in range(n):
            if len(sources) == 1 and timeout_ms < 0:
                self.got.append((sources[0], await self.channels[sources[0]].get()))
                continue
            cases = [Get(self.channels[source]) for source in sources]
            case = await select(*cases, timeout_ms=timeout_ms)
            if case is not None:
                self.got.append((self.channels.index(case.channel), case.item))

    async def relay(self, name, n, source, target):
        """Offers what it has to the one, while it takes from the other."""
        for i in range(n):
            item = (name, i)
            cases = (Get(self.channels[source]), Put(self.channels[target], item))
            try:
                case = await select(*cases)
            except asyncio.CancelledError:
                self.doubtful.append((target, item))
                raise
            if case is cases[0]:
                self.got.append((source, case.item))
            elif case.accepted:
                self.sent.append((target, item))

    # What happens between their steps

    def cancel(self, actor):
        if actor < len(self.tasks):
            self.tasks[actor].cancel()

    def close(self, channel):
        self.channels[channel].close()

    def pulse(self, channel):
        """An interrupt puts."""
        self.pulses += 1
        item = ("interrupt", self.pulses)
        if self.channels[channel].try_put(item):
            self.sent.append((channel, item))

    def poll(self, channel):
        item = self.channels[channel].try_get()
        if item is not None:
            self.got.append((channel, item))

    # The run and its account

    def run(self, actions):
        """actions: {step: [(method, argument)]}. Returns the number of steps."""

        def act(which):
            if asyncio.get_running_loop().time() >= A_WHILE_S:
                return  # nothing could happen any more: the account is next
            for name, argument in which:
                getattr(self, name)(argument)

        calls = {step: (lambda which=which: act(which)) for step, which in actions.items()}
        return run(self._main(), TickClock(), calls)

    async def _main(self):
        for name, *arguments in self.actors:
            options = arguments.pop() if isinstance(arguments[-1], dict) else {}
            coroutine = getattr(self, name)(*arguments, **options)
            self.tasks.append(asyncio.create_task(coroutine))
        await asyncio.sleep(A_WHILE_S)
        self.check_that_who_waits_has_to()
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        for error in results:
            assert error is None or isinstance(error, Closed | asyncio.CancelledError), error
        self.check_that_the_lines_are_empty()
        self.check_the_account()

    def check_that_who_waits_has_to(self):
        for channel in self.channels:
            waits_to_get = channel._getters.bell is not None
            waits_to_put = channel._putters.bell is not None
            rendezvous = channel.capacity == 0 and channel.overflow == WAIT
            assert not (channel.closed and (waits_to_get or waits_to_put))
            assert not (waits_to_get and len(channel.queue))
            if rendezvous:
                assert not (waits_to_get and waits_to_put)
            else:
                assert not (waits_to_put and channel.queue.free())

    def check_that_the_lines_are_empty(self):
        for channel in self.channels:
            assert channel._getters._cases == channel._putters._cases == []

    def check_the_account(self):
        for number, channel in enumerate(self.channels):
            while (item := channel.try_get()) is not None:
                self.got.append((number, item))
        times = Counter(self.got)
        assert all(count == 1 for count in times.values()), "an item was got twice"
        lost = set(self.sent) - set(self.got)
        overwritten = sum(channel.queue.overwritten for channel in self.channels)
        assert len(lost) == overwritten, f"lost: {lost}"
        never_sent = set(self.got) - set(self.sent)
        # A put that was cancelled took place only if it was a rendezvous.
        assert never_sent <= {each for each in self.doubtful if self._rendezvous(each[0])}
        for number in range(len(self.channels)):
            of_producer = {}
            for _, (name, i) in (each for each in self.got if each[0] == number):
                assert of_producer.get(name, -1) < i, "order of a producer"
                of_producer[name] = i

    def _rendezvous(self, number):
        channel = self.channels[number]
        return channel.capacity == 0 and channel.overflow == WAIT
