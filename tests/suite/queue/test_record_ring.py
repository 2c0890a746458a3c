"""The record ring: claim, publish, put, peek, release, step by step."""

from clock import LAST, Clock

from sluice.queue.records import RecordRing
from sluice.queue.ring import OVERWRITE, REJECT


def put(ring, record):
    return ring.put(record, len(record))


def take(ring):
    view = ring.peek()
    if view is None:
        return None
    record = bytes(view[: ring.peek_len()])
    return record if ring.release() else "torn"


def test_records_come_out_as_they_went_in():
    ring = RecordRing(2, 8)
    for _ in range(3):
        assert put(ring, b"one") is True
        assert put(ring, b"12345678") is True
        assert put(ring, b"no") is False
        assert len(ring) == 2
        assert [take(ring), take(ring), take(ring)] == [b"one", b"12345678", None]
        assert (ring.peek_len(), ring.peek_ticks()) == (0, 0)
    assert (ring.rejected, ring.overwritten, ring.high_water) == (3, 0, 2)


def test_a_slot_is_filled_and_read_in_place():
    ring = RecordRing(2, 4)
    slot = ring.claim()
    assert ring.claim() is slot
    assert (len(slot), len(ring)) == (4, 0)
    slot[0] = 7
    assert ring.publish(1) is True
    assert ring.peek() is slot
    assert (ring.peek_len(), ring.peek()[0]) == (1, 7)
    assert ring.claim() is not slot


def test_a_length_outside_the_slot_is_refused():
    ring = RecordRing(2, 4)
    ring.claim()
    for n in (0, -1, 5, LAST):
        assert ring.publish(n) is False
        assert ring.put(b"12345678", n) is False
    assert (len(ring), ring.rejected) == (0, 0)
    ring.claim()
    assert ring.publish(4) is True


def test_publish_without_a_claim_puts_nothing():
    ring = RecordRing(1, 4)
    assert ring.publish(1) is False
    assert put(ring, b"a") is True
    assert ring.publish(1) is False
    assert ring.claim() is None
    assert ring.publish(1) is False
    assert (len(ring), ring.rejected) == (1, 1)


def test_records_carry_the_tick_of_their_publication():
    clock = Clock(LAST)
    ring = RecordRing(3, 4, REJECT, clock.ticks)
    put(ring, b"a")
    clock.advance(2)
    put(ring, b"b")
    assert ring.peek_ticks() == LAST
    ring.release()
    assert ring.peek_ticks() == 1


def test_a_record_overwritten_between_peek_and_release_is_told():
    ring = RecordRing(2, 4, OVERWRITE)
    put(ring, b"a")
    put(ring, b"bb")
    view = ring.peek()
    for record in (b"ccc", b"dddd"):
        put(ring, record)
    assert view[0] == b"c"[0]  # the slot holds another record now
    assert ring.peek_len() in (3, 1)
    assert ring.release() is False
    assert ring.overwritten == 2
    assert [take(ring), take(ring), take(ring)] == [b"ccc", b"dddd", None]


def test_a_claim_in_a_full_overwriting_ring_gives_up_the_oldest_at_once():
    ring = RecordRing(2, 4, OVERWRITE)
    put(ring, b"a")
    put(ring, b"b")
    ring.claim()
    assert len(ring) == 1
    assert (take(ring), ring.overwritten) == (b"b", 1)
    ring.publish(2)
    assert len(ring) == 1


def test_it_has_watermarks_and_a_limit():
    ring = RecordRing(4, 4)
    ring.set_watermarks(2, 0)
    ring.set_limit(2)
    for above, taken in ((False, True), (True, True), (True, False)):
        assert put(ring, b"a") is taken
        assert ring.above() is above
    ring.release()
    assert ring.above()
    ring.release()
    assert not ring.above()


def test_records_behind_the_oldest_can_be_looked_at():
    clock = Clock(LAST)
    ring = RecordRing(3, 4, REJECT, clock.ticks)
    ring._head = ring._tail = ring._floor = ring._wrap - 2
    for record in (b"a", b"bb", b"ccc"):
        put(ring, record)
        clock.advance(1)
    shown = [(ring.peek_behind_len(k), ring.peek_behind_ticks(k)) for k in (0, 1, 2, 3, -1, LAST)]
    assert shown == [(1, LAST), (2, 0), (3, 1), (0, 0), (0, 0), (0, 0)]
    views = [ring.peek_behind(k) for k in range(3)]
    assert [bytes(view[:1]) for view in views] == [b"a", b"b", b"c"]
    assert [ring.peek_behind(k) for k in (3, -1, LAST)] == [None] * 3
    ring.release()
    assert (ring.peek_behind(0) is views[1], ring.peek_behind_len(2)) == (True, 0)


def test_wrong_arguments_are_named():
    for arguments, error, words in (
        ((0, 4), ValueError, "slots must be from 1 to 536870911, not 0"),
        ((4, 0), ValueError, "size must be from 1 to 65535, not 0"),
        ((4, 65536), ValueError, "size must be from 1 to 65535, not 65536"),
        ((4, None), TypeError, "size must be an int from 1 to 65535, not None"),
        ((4, 4, "reject"), ValueError, "overflow must be REJECT or OVERWRITE, not 'reject'"),
    ):
        try:
            RecordRing(*arguments)
            said = None, ""
        except (TypeError, ValueError) as refusal:
            said = type(refusal), str(refusal)
        assert said == (error, words)


def test_the_backlog_is_the_bytes_that_wait():
    ring = RecordRing(3, 8)
    assert ring.backlog() == 0
    for _ in range(4):
        put(ring, b"123")
        put(ring, b"12345678")
        assert ring.backlog() == 11
        take(ring)
        assert ring.backlog() == 8
        take(ring)
        assert ring.backlog() == 0


def test_a_backlog_of_more_than_64_records_is_estimated_from_the_oldest_64():
    ring = RecordRing(100, 8)
    for _ in range(64):
        put(ring, b"12345")
    for _ in range(36):
        put(ring, b"123")
    assert ring.backlog() == 100 * 5
    take(ring)
    put(ring, b"1")
    assert ring.backlog() == 63 * 5 + 3 + 36 * 4


def test_the_backlog_of_a_lapped_consumer_is_what_is_still_there():
    ring = RecordRing(2, 8, OVERWRITE)
    for record in (b"1", b"12", b"1234"):
        put(ring, record)
    assert ring.backlog() == 6
