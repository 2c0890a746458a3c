"""Defects of the store on flash and of the tiered queue, and a seed that finds each.

One at a time is planted in the module's source: tests/lab/test_simulate_spilling.py.
"""

from typing import NamedTuple

STORE = "sluice.queue.store"
TIERED = "sluice.queue.tiered"


class Defect(NamedTuple):
    """`new` in place of `old`, which stands once in the module; `seed`: the first that finds it."""

    name: str
    module: str
    old: str
    new: str
    seed: int


DEFECTS = [
    Defect(
        "a half-made segment stays",
        STORE,
        "                self._delete(segment)  # its records are still in the batch\n",
        "                pass\n",
        0,
    ),
    Defect(
        "numbers miss what left from RAM",
        STORE,
        "            self._first = self._first + self._gathered - self._unread & _SMALL_MAX\n",
        "",
        2,
    ),
    Defect(
        "numbers stand still",
        STORE,
        "        self._first = self._first + self._gathered & _SMALL_MAX\n        self._fill",
        "        self._fill",
        0,
    ),
    Defect(
        "numbers begin again after a reset",
        STORE,
        "                    self._first = first + count & _SMALL_MAX\n",
        "",
        0,
    ),
    Defect(
        "a batch is appended behind a torn record",
        STORE,
        "            self._newest = None  # how it ends now is not known\n",
        "",
        57,
    ),
    Defect(
        "a new run begins with the last segment's file",
        STORE,
        "self._number = numbers[-1] + 1",
        "self._number = numbers[-1]",
        0,
    ),
    Defect(
        "segments are found in the order of the folder",
        STORE,
        "numbers = sorted(int(name[:8]) for name in os.listdir(self._folder) if _is_segment(name))",
        "numbers = [int(n[:8]) for n in os.listdir(self._folder) if _is_segment(n)]",
        0,
    ),
    Defect(
        "a segment is deleted when it is loaded, not when it is taken",
        STORE,
        "        self._reading.failures = 0\n        return moved\n",
        "        self._reading.failures = 0\n        self._forget_taken()\n        return moved\n",
        4,
    ),
    Defect(
        "a segment that cannot be deleted is passed over",
        STORE,
        "                break  # nor the next: after a reset, a gap would look like a loss\n",
        "                self._segments.append(self._segments.pop(0))\n                break\n",
        8,
    ),
    Defect(
        "a new segment of a batch that was loaded in part is read from its start",
        STORE,
        "            segment.at = segment.end + self._at - HEAD\n",
        "            segment.at = segment.end\n",
        12,
    ),
    Defect(
        "the batch stays after it was written",
        STORE,
        "        self._fill = self._at = HEAD\n        self._gathered = self._unread = 0\n"
        "        return True\n",
        "        self._at = HEAD\n        return True\n",
        0,
    ),
    Defect(
        "what is overwritten is not counted",
        STORE,
        "            self.overwritten += oldest.unread\n",
        "",
        8,
    ),
    Defect(
        "what is overwritten still waits",
        STORE,
        "            self._waiting -= oldest.unread\n",
        "",
        11,
    ),
    Defect(
        "one segment more than allowed",
        STORE,
        "while len(self._segments) >= self._limit:",
        "while len(self._segments) > self._limit:",
        4,
    ),
    Defect(
        "a segment is a record too long",
        STORE,
        "segment.end + self._fill - HEAD > self._segment_bytes",
        "segment.end > self._segment_bytes",
        2,
    ),
    Defect(
        "one failed read gives a segment up",
        STORE,
        "_READ_TRIES = const(3)",
        "_READ_TRIES = const(1)",
        8,
    ),
    Defect(
        "a failed read is counted as records that were lost, and they come all the same",
        STORE,
        "                return moved\n            self._give_up(segment)\n",
        "                self.lost += segment.unread\n                return moved\n"
        "            self._give_up(segment)\n",
        8,
    ),
    Defect(
        "a closed store keeps its folder",
        STORE,
        "        _in_use.remove(self._place)\n",
        "        pass\n",
        0,
    ),
    Defect(
        "a store that could not begin keeps its folder",
        STORE,
        "        self._recover()\n        self._place = place\n        _in_use.append(place)\n",
        "        _in_use.append(place)\n        self._recover()\n        self._place = place\n",
        12,
    ),
    Defect(
        "a partly written batch counts as written",
        STORE,
        "            if file.write(part) != len(part):\n"
        '                raise OSError(_ENOSPC, "written in part")\n',
        "            file.write(part)\n",
        0,
    ),
    Defect(
        "the tick of another run",
        STORE,
        "self._loaded_ticks = self._start",
        'self._loaded_ticks = unpack_from("<I", self._record, 2)[0]',
        0,
    ),
    Defect(
        "a torn record is not counted",
        STORE,
        "        if file.seek(0, 2) > end:\n",
        "        if file.seek(0, 2) < end:\n",
        3,
    ),
    Defect(
        "a flush leaves the batch in RAM",
        TIERED,
        "            if not self._write():\n"
        "                return False\n"
        "            if not len(self.ring):\n",
        "            if not len(self.ring):\n",
        2,
    ),
    Defect(
        "a flush writes one batch",
        TIERED,
        "            if not len(self.ring):\n                break\n",
        "            break\n",
        2,
    ),
    Defect(
        "after a flush the ring comes first",
        TIERED,
        "        if not self._spilled:\n"
        "            self._spilled = True\n"
        "            self.store.set_number",
        "        if not self._spilled:\n            self.store.set_number",
        0,
    ),
    Defect(
        "what is in the front is not safe with what comes behind it",
        TIERED,
        "            self.store.copy(self.front)\n",
        "",
        0,
    ),
    Defect(
        "what came back is overtaken by the ring",
        TIERED,
        "        elif len(store) == 0 and store.used() == 0 and not self._relieving:\n",
        "        if len(store) == 0 and not self._relieving:\n",
        0,
    ),
    Defect(
        "the consumer is handed what overtakes the ring",
        TIERED,
        "        if self._spilled or len(self.ring) or len(self.front):\n",
        "        if self._spilled or len(self.front):\n",
        2,
    ),
    Defect(
        "the consumer is handed what overtakes the front",
        TIERED,
        "        if self._spilled or len(self.ring) or len(self.front):\n",
        "        if self._spilled or len(self.ring):\n",
        4,
    ),
    Defect(
        "what an earlier run left comes after what is put now",
        TIERED,
        "        self._spilled = store.used() > 0\n",
        "        self._spilled = False\n",
        1,
    ),
    Defect(
        "a move writes as long as there is something to write",
        TIERED,
        "        moved = self._gather()\n        self._write()\n",
        "        moved = self._gather()\n"
        "        while self._write() and len(self.ring):\n"
        "            moved += self._gather()\n",
        2,
    ),
    Defect(
        "the last segments of an idle queue are not deleted",
        TIERED,
        "        elif len(store) == 0 and store.used() == 0 and not",
        "        elif len(store) == 0 and not",
        1700,
    ),
    Defect(
        "a ring that was relieved once is relieved for ever",
        TIERED,
        "        self._relieving = False\n        self._tell",
        "        self._relieving = len(self.ring) > 0\n        self._tell",
        4,
    ),
    Defect(
        "numbers begin anew when what waits goes to flash",
        TIERED,
        "            self.store.set_number(self.number())\n",
        "",
        0,
    ),
    Defect(
        "what goes the short way is not numbered",
        TIERED,
        "            self._advance()\n            moved += 1\n",
        "            moved += 1\n",
        0,
    ),
    Defect(
        "what could not be read leaves its number to another",
        TIERED,
        "            self._next = store.next_number()  # ahead of it, if",
        "            pass  # if",
        90,
    ),
    Defect(
        "what is safe ends again when it is taken",
        TIERED,
        "        if told < n:\n",
        "        if n:\n            told = 0\n",
        0,
    ),
    Defect(
        "what is written has not ended",
        TIERED,
        "        self._tell(store.next_number())\n",
        "",
        0,
    ),
    Defect(
        "the tick of another record",
        TIERED,
        "        return self.store.loaded_ticks() if self._spilled else self.ring.peek_ticks()\n",
        "        return self.ring.peek_ticks()\n",
        0,
    ),
]
