"""collections.deque, a ring in C, as a queue."""

from collections import deque


class DequeTurn:
    """The least that uses it: one method that appends and pops. IndexError when full or empty."""

    def __init__(self, capacity):
        self.items = deque((), capacity)

    def turn(self, item):
        self.items.append(item)
        return self.items.popleft()


class DequeQueue:
    """With what the library's queue gives: a put into a full one is refused."""

    def __init__(self, capacity):
        self.items = deque((), capacity)
        self.capacity = capacity

    def put(self, item):
        if len(self.items) == self.capacity:
            return False
        self.items.append(item)
        return True

    def get(self, default=None):
        return self.items.popleft() if self.items else default
