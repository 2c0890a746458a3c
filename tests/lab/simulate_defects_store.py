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
        1,
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
        80,
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
        2,
    ),
    Defect(
        "a segment is deleted when it is loaded, not when it is taken",
        STORE,
        "        self._reading.failures = 0\n        return moved\n",
        "        self._reading.failures = 0\n        self._forget_taken()\n        return moved\n",
        2,
    ),
    Defect(
        "a segment that cannot be deleted is passed over",
        STORE,
        "                break  # nor the next: after a reset, a gap would look like a loss\n",
        "                self._segments.append(self._segments.pop(0))\n                break\n",
        60,
    ),
    Defect(
        "a new segment of a batch that was loaded in part is read from its start",
        STORE,
        "            segment.at = segment.end + self._at - _HEAD\n",
        "            segment.at = segment.end\n",
        4,
    ),
    Defect(
        "the batch stays after it was written",
        STORE,
        "        self._fill = self._at = _HEAD\n        self._gathered = self._unread = 0\n"
        "        return True\n",
        "        self._at = _HEAD\n        return True\n",
        0,
    ),
    Defect(
        "what is overwritten is not counted",
        STORE,
        "            self.overwritten += oldest.unread\n",
        "",
        0,
    ),
    Defect(
        "what is overwritten still waits",
        STORE,
        "            self._waiting -= oldest.unread\n",
        "",
        0,
    ),
    Defect(
        "one segment more than allowed",
        STORE,
        "while len(self._segments) >= self._limit:",
        "while len(self._segments) > self._limit:",
        0,
    ),
    Defect(
        "a segment is a record too long",
        STORE,
        "segment.end + self._fill - _HEAD > self._segment_bytes",
        "segment.end > self._segment_bytes",
        0,
    ),
    Defect(
        "one failed read gives a segment up",
        STORE,
        "_READ_TRIES = const(3)",
        "_READ_TRIES = const(1)",
        0,
    ),
    Defect(
        "a failed read is counted as records that were lost, and they come all the same",
        STORE,
        "                return moved\n            self._give_up(segment)\n",
        "                self.lost += segment.unread\n                return moved\n"
        "            self._give_up(segment)\n",
        0,
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
        3,
    ),
    Defect(
        "a partly written batch counts as written",
        STORE,
        "            if file.write(part) != len(part):\n"
        '                raise OSError(_ENOSPC, "written in part")\n',
        "            file.write(part)\n",
        3,
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
        "        return self.store.write()\n",
        "        self.store.write()\n        return True\n",
        10,
    ),
    Defect(
        "a flush leaves out the ring's last record",
        TIERED,
        "for _ in range(len(self.ring)):",
        "for _ in range(len(self.ring) - 1):",
        2,
    ),
    Defect(
        "after a flush the ring comes first",
        TIERED,
        "        self._spilled = True\n        for _",
        "        for _",
        2,
    ),
    Defect(
        "what came back is overtaken by the ring",
        TIERED,
        "            if moved == 0 and len(self.store) == 0:\n",
        "            if len(self.store) == 0:\n",
        0,
    ),
    Defect(
        "the consumer is handed what overtakes the ring",
        TIERED,
        "        if self._spilled or len(self.ring):\n",
        "        if self._spilled:\n",
        2,
    ),
    Defect(
        "what an earlier run left comes after what is put now",
        TIERED,
        "self._spilled = len(store) > 0",
        "self._spilled = False",
        2,
    ),
    Defect(
        "a move writes as long as there is something to write",
        TIERED,
        "            elif written or not store.write():",
        "            elif not store.write():",
        0,
    ),
    Defect(
        "the last segments of an idle queue are not deleted",
        TIERED,
        "(self._spilled or self.store.used())",
        "self._spilled",
        3,
    ),
]
