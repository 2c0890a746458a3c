"""A board's main.py: takes what the last run has left on flash, then fills it until the end.

Prints `replayed FIRST LAST COUNT torn N lost N`, `durable NUMBER` when all records up to
that one are on flash, and when there is no more room `full AFTER ERRNO errors N` and
`drained FIRST LAST COUNT torn N lost N`. `gap` says that a record is missing.
"""

from struct import pack_into, unpack_from

from sluice import RecordRing, SegmentStore, TieredQueue

SIZE = 24


def take_all():
    first = last = -1
    count = 0
    while len(queue):
        queue.move()
        view = queue.front.peek()
        if view is None:
            continue
        number = unpack_from("<I", view)[0]
        if count == 0:
            first = number
        elif number != last + 1 or queue.front.peek_len() != length(number):
            print("gap", last, number)
        last = number
        count += 1
        queue.front.release()
    queue.move()
    return first, last, count


def length(number):
    return 4 + number % (SIZE - 4)


def report(word, first, last, count):
    print(word, first, last, count, "torn", store.torn, "lost", store.lost)


store = SegmentStore("/spill", SIZE, segments=200, segment_bytes=2048, batch_bytes=160)
queue = TieredQueue(RecordRing(4, SIZE), store)
record = bytearray(SIZE)
first, last, count = take_all()
print()  # ends a line that the power cut has left
report("replayed", first, last, count)
number = last + 1
pack_into("<I", record, 0, number)
while queue.put(record, length(number)):
    queue.move()
    if number % 4 == 3 and queue.flush():
        print("durable", number)
    number += 1
    pack_into("<I", record, 0, number)
print("full", number - 1, store.last_error, "errors", store.errors)
first, last, count = take_all()
report("drained", first, last, count)
