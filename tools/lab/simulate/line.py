"""One direction of a serial line, with its faults."""

import heapq
import itertools
import random

from .scenario import Faults

_CTRL_C = 3
_NEVER = float("inf")


class Way:
    """Bytes that go in come out later, as its faults leave them."""

    def __init__(self, faults: Faults, chance: random.Random) -> None:
        self.faults = faults
        self.stalled_until = 0
        self._chance = chance
        self._pieces: list[tuple[int, int, bytes]] = []  # when it arrives, order, what
        self._order = itertools.count()
        self._last = 0  # when the newest piece arrives that nothing overtakes

    @property
    def next_ms(self) -> float:
        """When something arrives; infinity: nothing is on its way."""
        return max(self._pieces[0][0], self.stalled_until) if self._pieces else _NEVER

    def put(self, data: bytes, now: int) -> None:
        for whole in self._split(data):
            if self._strikes(self.faults.drop):
                continue
            piece = self._corrupted(whole) if self._strikes(self.faults.corrupt) else whole
            at = now + self.faults.delay_ms
            if self.faults.jitter_ms:
                at += self._chance.randint(0, self.faults.jitter_ms)
            at = max(at, self._last)
            if self._strikes(self.faults.reorder):
                self._add(at + self._chance.randint(1, 2 + 2 * self.faults.delay_ms), piece)
            else:
                self._last = at
                self._add(at, piece)
            if self._strikes(self.faults.double):
                self._add(at, piece)

    def take(self, now: int) -> bytes:
        """What has arrived by now."""
        data = b""
        if now >= self.stalled_until:
            while self._pieces and self._pieces[0][0] <= now:
                data += heapq.heappop(self._pieces)[2]
        return data

    def keep_order(self) -> None:
        """Nothing that is put from now on overtakes what is on its way."""
        self._last = max((at for at, _, _ in self._pieces), default=self._last)

    def clear(self) -> None:
        """What is on its way is lost."""
        self._pieces.clear()

    def _add(self, at: int, piece: bytes) -> None:
        heapq.heappush(self._pieces, (at, next(self._order), piece))

    def _split(self, data: bytes) -> list[bytes]:
        """Into frames and lines; with the fault "split" into parts of these, too."""
        faults = self.faults
        if not (faults.drop or faults.corrupt or faults.double or faults.reorder or faults.split):
            return [data] if data else []
        pieces = []
        start = 0
        while start < len(data):
            end = data.find(b"\0", start + 1) + 1 or len(data)
            if self._strikes(faults.split) and end - start > 1:
                middle = self._chance.randrange(start + 1, end)
                pieces.append(data[start:middle])
                start = middle
            pieces.append(data[start:end])
            start = end
        return pieces

    def _corrupted(self, piece: bytes) -> bytes:
        """With one byte changed, to no Ctrl-C: that is what a person sends."""
        changed = bytearray(piece)
        at = self._chance.randrange(len(piece))
        changed[at] ^= self._chance.randrange(1, 256)
        if changed[at] == _CTRL_C:
            changed[at] ^= 4
        return bytes(changed)

    def _strikes(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share
