# SPDX-License-Identifier: MIT
"""Topics side by side: each has its own queue, bucket and sink, none waits for another."""

from micropython import const

from sluice.flow.pipeline import Pipeline

_SMALL_MAX = const((1 << 30) - 1)


class Router:
    """Sends each record through the queue and the bucket of its topic.

    topics: a dict of Topics by name, one or more. Fixed from here on.

    A topic whose bucket is empty, whose queue is full or whose sink fails or
    raises delays no other: in each `step` every topic may move one record. What
    a sink or a degrade hook does takes its time from all of them, so neither
    may block.

    Raises TypeError or ValueError that name the argument, its value and what is
    allowed; also when two topics have the same ring or bucket.

    Read only: `topics`; `unknown`, records refused because nobody made their
    topic, up to 2^30 - 1.

    Ownership: that of the rings for `put`: one producer for each topic, with a
    guard several; `unknown` is exact only when one of them counts it. `step`
    is for the main loop.
    """

    def __init__(self, topics):
        if not isinstance(topics, dict):
            raise TypeError("topics must be a dict of one Topic or more, not %r" % (topics,))
        if not topics:
            raise ValueError("topics must be a dict of one Topic or more, not {}")
        for name, topic in topics.items():
            if not isinstance(topic, Topic):
                raise TypeError("topic %r must be a Topic, not %r" % (name, topic))
        _check_apart(topics)
        self.topics = dict(topics)
        self._turns = list(topics.values())
        self.unknown = 0

    def put(self, topic, record, n: int) -> bool:
        """Queue the first n bytes of record for a topic, copied. Hot.

        False: the topic is unknown, counted here; or its queue is full, counted
        by the ring; or n is not in 1..size of its ring, not counted.
        """
        if topic in self.topics:
            return self.topics[topic].enqueue(record, n)
        if self.unknown != _SMALL_MAX:
            self.unknown += 1
        return False

    def step(self) -> int:
        """Give each topic its turn; how many records left their queues for good. Hot.

        Takes the time of all turns: O(topics).
        """
        moved = 0
        turn = len(self._turns)
        while turn:
            turn -= 1
            moved += self._turns[turn].step()
        return moved


class Topic:
    """One topic: a queue, a bucket, a sink, and the pipeline between them.

    ring, bucket, sink, stats, options: as of Pipeline. Ring and bucket are the
    topic's own.

    Read only: `ring`, `bucket`, `stats`, `pipeline`; `faults`, turns in which
    the degrade hook raised, up to 2^30 - 1. The record that it raised for stays
    in front.
    """

    def __init__(self, ring, bucket, sink, stats, **options):
        self.ring = ring
        self.bucket = bucket
        self.stats = stats
        self.pipeline = Pipeline(ring, bucket, sink, stats, **options)
        self.faults = 0

    def enqueue(self, record, n: int) -> bool:
        """Copy the first n bytes of record into the queue; False as of RecordRing.put. Hot."""
        return self.ring.put(record, n)

    def step(self) -> int:
        """Take one turn: 1 if a record left the queue for good, else 0. Hot."""
        try:
            return self.pipeline.step()
        except Exception:  # counted below, and the other topics go on
            pass
        if self.faults != _SMALL_MAX:
            self.faults += 1
        return 0


def _check_apart(topics):
    for part in ("ring", "bucket"):
        seen = {}
        for name, topic in topics.items():
            owner = id(getattr(topic, part))
            if owner in seen:
                raise ValueError("topics %r and %r have the same %s" % (seen[owner], name, part))
            seen[owner] = name
