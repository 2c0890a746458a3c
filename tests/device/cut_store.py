"""MicroPython's: a queue that continues on littlefs, whose power goes at every write and erase.

Runs the course once without a cut, then once for each step of the flash, each time from an empty
one: the power goes within the step, which is half done. Then another life takes what is there.
Prints `steps N` and `twice N`, records that came again, or what was broken.
"""

import vfs

from sluice import Pipeline, RecordRing, SegmentStore, Stats, TieredQueue, TokenBucket

BLOCK = 4096
BLOCKS = 24
RECORDS = 150


class PowerCut(BaseException):
    pass


class Flash:
    """A block device in RAM. A byte can be programmed where it was erased."""

    def __init__(self, content=None):
        self.content = bytearray(b"\xff" * BLOCK * BLOCKS) if content is None else content
        self.steps = 0
        self.cut = -1  # the step in which the power goes
        self.gone = False  # and nothing is asked of it but by the collector, which finds its files

    def readblocks(self, block, buf, offset=0):
        if self.gone:
            return
        if self.steps == self.cut:
            raise PowerCut
        at = block * BLOCK + offset
        buf[:] = memoryview(self.content)[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        if self.gone:
            return
        n = self._step(len(buf))
        at = block * BLOCK + offset
        self.content[at : at + n] = bytes(buf[:n])
        if n < len(buf):
            raise PowerCut

    def ioctl(self, op, block):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6 and not self.gone:
            n = self._step(BLOCK)
            self.content[block * BLOCK : block * BLOCK + n] = b"\xff" * n
            if n < BLOCK:
                raise PowerCut
        return 0

    def _step(self, n):
        if self.steps == self.cut:
            raise PowerCut  # it went before
        self.steps += 1
        return n // 2 if self.steps == self.cut else n


class Told:
    def __init__(self):
        self.count = 0

    def ended(self, how, n):
        self.count += n


class Sink:
    """Takes nothing while it is away; notes what came, with its number."""

    def __init__(self):
        self.away = False
        self.taken = []

    def room(self):
        return 0 if self.away else 1

    def write(self, record, n):
        self.taken.append((bytes(record[:n]), self.queue.number()))
        return True


class Life:
    """The queue on this flash, until `end`; it may be that the power goes before it is made."""

    def __init__(self, flash, first):
        self.told = Told()
        self.sink = Sink()
        self.store = None
        vfs.mount(vfs.VfsLfs2(flash), "/fs")
        self.flash = flash
        self.first = first

    def begin(self):
        self.store = SegmentStore("/fs/store", 24, 12, 4096, 160)
        self.ring = RecordRing(8, 24)
        self.queue = TieredQueue(
            self.ring, self.store, None, None, 4, ends=self.told, first=self.first
        )
        self.sink.queue = self.queue
        bucket = TokenBucket(None, 1)
        self.pipeline = Pipeline(self.queue.front, bucket, self.sink, Stats(), ends=self.queue)

    def turn(self):
        self.pipeline.step()
        self.queue.move()

    def busy(self):
        self.begin()
        put = 0
        for turn in range(530):
            self.sink.away = turn < 500 and turn % 50 < 35
            while put < RECORDS and self.ring.free() and put <= turn:
                self.queue.put(record(put), len(record(put)))
                put += 1
            self.turn()

    def end(self):
        if self.store is not None:
            self.store.close()
        to_the_cut(lambda: vfs.umount("/fs"))

    def numbers(self):
        return {record: number for record, number in self.sink.taken}


def to_the_cut(function):
    """Call it; whether it came to its end before the power went."""
    try:
        function()
    except PowerCut:
        return False
    return True


def record(number):
    return b"%03d" % number + b"." * (number % 20)


def course(flash):
    life = Life(flash, 7)
    to_the_cut(life.busy)
    life.end()
    flash.gone = True
    return life


formatted = Flash()
vfs.VfsLfs2.mkfs(formatted)
flash = Flash(bytearray(formatted.content))
life = course(flash)
assert len(life.sink.taken) == life.told.count == RECORDS, (life.sink.taken, life.told.count)
print("steps", flash.steps)

twice = 0
for cut in range(flash.steps):
    broken = Flash(bytearray(formatted.content))
    broken.cut = cut + 1
    before = course(broken)
    left = Flash(broken.content)
    again = Life(left, 99)
    again.begin()
    for _ in range(200):
        again.turn()
    again.end()
    left.gone = True
    found, old = again.numbers(), before.numbers()
    order = [record for record, _ in again.sink.taken]
    assert len(again.queue) == 0 and again.store.lost == 0, cut
    assert order == sorted(order) and len(order) == len(found), (cut, order)
    for put in range(before.told.count):
        assert record(put) in found or record(put) in old, (cut, put)
    for each in found:
        if each in old:
            assert found[each] == old[each], (cut, each)
            twice += 1
print("twice", twice)
