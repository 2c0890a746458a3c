"""The store on flash: its format, its bounds, what a reset leaves of it and what a fault costs."""

import binascii
import struct

import pytest

from host_sim import TickClock
from sluice import OVERWRITE, REJECT, RecordRing, SegmentStore
from sluice_tools.lab.simulate.flash import EIO, ENOENT, ENOSPC, Flash

SIZE = 10
FOLDER = "/spill"


class Bench:
    """A store with a ring before it and one behind it, on a flash and a clock of their own."""

    def __init__(
        self, flash=None, start=100, size=SIZE, overflow=REJECT, store_overflow=REJECT, **options
    ):
        self.flash = flash or Flash()
        self.clock = TickClock(start, strict=True)
        # Of the records below, 14 bytes each, a batch holds 3 and a segment 6.
        options = {"segments": 3, "segment_bytes": 92, "batch_bytes": 42} | options
        self.flash.reset()
        with self.flash:
            self.store = SegmentStore(
                FOLDER, size, overflow=store_overflow, ticks=self.clock.ticks, **options
            )
        self.source = RecordRing(40, size, overflow, self.clock.ticks)
        self.target = RecordRing(4, size, ticks=self.store.loaded_ticks)

    def put(self, *records):
        """Put the records into the ring; the number of those that the store took from it."""
        for record in records:
            assert self.source.put(record, len(record))
        taken = 0
        with self.flash:
            while len(self.source):
                if not self.store.add(self.source):
                    if not self.store.write():
                        break
                    assert self.store.add(self.source)
                taken += 1
        return taken

    def write(self):
        with self.flash:
            return self.store.write()

    def load(self):
        """One load, and all of it taken: (record, tick) of each."""
        with self.flash:
            moved = self.store.load(self.target)
        records = []
        while (view := self.target.peek()) is not None:
            records.append((bytes(view[: self.target.peek_len()]), self.target.peek_ticks()))
            self.target.release()
        assert len(records) == moved
        return records

    def drain(self, patience=20):
        """Load until there is no more: the records."""
        records = []
        for _ in range(1000):
            some = self.load()
            records += [record for record, _ in some]
            if not some:
                if not len(self.store) or not patience:
                    break
                patience -= 1
                self.clock.advance(1000)
        return records

    def names(self):
        return sorted(path.removeprefix(FOLDER + "/") for path in self.flash.files)

    def segment(self, number):
        return f"{FOLDER}/{number:08}.seg"


def records(*numbers):
    return [b"rec%03d" % number for number in numbers]


def sealed(data):
    return data + struct.pack("<H", binascii.crc_hqx(data, 0xFFFF))


def test_a_segment_has_the_documented_bytes():
    bench = Bench(start=(1 << 30) - 1)
    bench.put(b"a", b"1234567890")
    bench.clock.advance(3)
    bench.write()
    bench.put(b"bc")
    bench.write()
    assert bench.flash.files == {
        bench.segment(0): sealed(b"SQ" + struct.pack("<I", 0))
        + sealed(struct.pack("<HI", 1, (1 << 30) - 1) + b"a")
        + sealed(struct.pack("<HI", 10, (1 << 30) - 1) + b"1234567890")
        + sealed(struct.pack("<HI", 2, 2) + b"bc")
    }


def test_a_folder_is_that_of_one_store_until_it_is_closed():
    bench = Bench()
    bench.put(*records(*range(7)))
    bench.write()
    content = dict(bench.flash.files)
    bench.flash.reset()
    with bench.flash:
        first = SegmentStore(FOLDER, SIZE, batch_bytes=42)
        for same in (FOLDER, FOLDER + "/", FOLDER[1:]):
            with pytest.raises(ValueError, match="folder '/?spill/?' is in use by another Segment"):
                SegmentStore(same, SIZE, batch_bytes=42)
        SegmentStore("/other", SIZE, batch_bytes=42)
        assert (len(first), bench.flash.files) == (7, content)
        first.close()
        assert len(SegmentStore(FOLDER, SIZE, batch_bytes=42)) == 7


def test_a_store_that_could_not_be_made_does_not_hold_its_folder():
    flash = Flash()
    flash.reset()
    with flash:
        flash.fails = lambda operation, path: EIO if operation == "listdir" else 0
        with pytest.raises(OSError):
            SegmentStore(FOLDER, SIZE, batch_bytes=42)
        flash.heal()
        SegmentStore(FOLDER, SIZE, batch_bytes=42)


def test_records_gather_in_ram_and_are_written_by_the_batch():
    bench = Bench()
    bench.put(*records(0, 1, 2))
    assert (bench.store.writes, bench.names(), len(bench.store)) == (0, [], 3)
    bench.put(*records(3))
    assert (bench.store.writes, bench.store.used(), len(bench.store)) == (1, 1, 4)
    bench.put(*records(*range(4, 10)))
    assert (bench.store.writes, bench.names()) == (3, ["00000000.seg", "00000001.seg"])
    assert [len(content) for content in bench.flash.files.values()] == [92, 50]
    assert bench.drain() == records(*range(10))
    assert (bench.names(), bench.store.used(), bench.store.errors) == ([], 0, 0)


def test_what_is_taken_before_the_batch_is_full_costs_no_write():
    bench = Bench()
    for number in range(50):
        bench.put(*records(number, number))
        assert bench.drain() == records(number, number)
    assert bench.store.writes == 0


def test_records_come_back_with_their_ticks():
    bench = Bench(start=(1 << 30) - 2)
    for number in range(4):
        bench.put(*records(number))
        bench.clock.advance(1)
    loaded = bench.load() + bench.load()
    assert [tick for _, tick in loaded] == [(1 << 30) - 2, (1 << 30) - 1, 0, 1]


def test_records_of_an_earlier_run_have_the_tick_of_the_start():
    bench = Bench(start=5000)
    bench.put(*records(0))
    bench.write()
    bench = Bench(bench.flash, start=70)
    bench.clock.advance(9)
    bench.put(*records(1))
    assert bench.load() == [(b"rec000", 70)]
    assert bench.load() == [(b"rec001", 79)]
    bench.put(*records(2))
    bench.write()
    assert bench.load() == [(b"rec002", 79)]


def test_a_segment_is_deleted_when_all_of_it_is_taken_and_not_before():
    bench = Bench()
    bench.put(*records(*range(10)))
    bench.load()
    with bench.flash:
        assert bench.store.load(bench.target) == 2
    assert bench.names() == ["00000000.seg", "00000001.seg"]  # all of the first is loaded
    bench.target.clear()
    bench.load()
    assert bench.names() == ["00000001.seg"]


def test_what_was_loaded_from_the_batch_stays_in_it_until_it_is_taken():
    """So that a write brings it to flash, for a reset that comes before it is taken."""
    bench = Bench()
    bench.put(*records(0, 1))
    with bench.flash:
        assert bench.store.load(bench.target) == 2
    bench.write()
    assert Bench(bench.flash.copy()).drain() == records(0, 1)
    bench.target.clear()
    assert bench.drain() == []


def test_a_batch_of_which_a_part_was_loaded_is_read_on_from_flash_where_that_ended():
    bench = Bench(batch_bytes=84)
    bench.put(*records(*range(5)))
    assert [record for record, _ in bench.load()] == records(0, 1, 2, 3)  # the ring holds four
    bench.write()
    bench.put(*records(5))
    assert bench.drain() == records(4, 5)


@pytest.mark.parametrize("fat", [False, True])
@pytest.mark.parametrize("room", range(50))
def test_a_segment_that_could_not_be_begun_leaves_nothing_behind(room, fat):
    bench = Bench(Flash(fat=fat))
    bench.put(*records(0, 1, 2))
    bench.flash.room = room
    assert not bench.write()
    assert bench.drain() == records(0, 1, 2)  # from RAM
    assert (bench.names(), bench.store.used()) == ([], 0)
    bench = Bench(bench.flash)
    assert (bench.drain(), bench.store.torn) == ([], 0)


def test_the_number_of_a_segments_first_record_counts_those_that_left_from_ram():
    bench = Bench()
    bench.put(*records(0, 1, 2))
    assert bench.drain() == records(0, 1, 2)
    bench.put(*records(3, 4))
    assert bench.drain() == records(3, 4)
    bench.put(*records(5))
    bench.write()
    head = bench.flash.files[bench.segment(0)][:8]
    assert head == sealed(b"SQ" + struct.pack("<I", 5))


def test_a_taken_part_of_the_batch_makes_room():
    bench = Bench(batch_bytes=84)
    bench.put(*records(*range(6)))
    bench.load()
    bench.load()
    bench.put(*records(*range(6, 10)))
    assert bench.store.writes == 0
    assert bench.drain() == records(*range(6, 10))


def test_a_reset_leaves_all_that_was_written_in_order():
    bench = Bench()
    bench.put(*records(*range(14)))
    bench.write()
    again = Bench(bench.flash)
    assert (len(again.store), again.store.used(), again.store.torn) == (14, 3, 0)
    again.put(*records(14))
    assert again.drain() == records(*range(15))
    assert again.names() == []


def test_a_segment_of_an_earlier_run_is_not_appended_to():
    bench = Bench()
    bench.put(*records(0))
    bench.write()
    bench = Bench(bench.flash)
    bench.put(*records(1))
    bench.write()
    assert bench.names() == ["00000000.seg", "00000001.seg"]
    assert Bench(bench.flash).drain() == records(0, 1)


def test_the_segment_of_which_a_part_was_taken_comes_again_after_a_reset():
    bench = Bench()
    bench.put(*records(*range(13)))
    assert [record for _ in range(3) for record, _ in bench.load()] == records(*range(10))
    again = Bench(bench.flash)
    assert again.drain() == records(*range(6, 12))  # 12 was in the batch, and so is lost


@pytest.mark.parametrize("cut", range(14))
def test_a_torn_last_record_is_dropped_and_counted(cut):
    bench = Bench()
    bench.put(*records(0, 1))
    bench.write()
    path = bench.segment(0)
    bench.flash.files[path] = bench.flash.files[path][: 8 + 14 + cut]
    again = Bench(bench.flash)
    assert (len(again.store), again.store.torn) == (1, 1 if cut else 0)
    again.put(*records(2))
    assert again.drain() == records(0, 2)
    assert (again.store.lost, again.names()) == (0, [])


@pytest.mark.parametrize("cut", range(9))
def test_a_torn_head_is_dropped_and_counted(cut):
    bench = Bench()
    bench.put(*records(*range(7)))
    bench.write()
    last = bench.segment(1)
    bench.flash.files[last] = bench.flash.files[last][:cut]
    again = Bench(bench.flash)
    assert (len(again.store), again.store.torn) == (6, 1 if 0 < cut < 8 else 0)
    again.put(*records(7))
    assert again.drain() == records(*range(6), 7)
    assert (again.store.lost, again.names()) == (0, [])


def test_a_segment_with_a_damaged_head_counts_as_lost_when_the_ones_around_it_tell_how_much():
    bench = Bench()
    bench.put(*records(*range(13)))
    bench.write()
    middle = bench.segment(1)
    bench.flash.files[middle] = b"XX" + bench.flash.files[middle][2:]
    again = Bench(bench.flash)
    assert again.drain() == records(*range(6), 12)
    assert (again.store.torn, again.store.lost, again.names()) == (1, 6, [])


@pytest.mark.parametrize("at", range(8, 92))
@pytest.mark.parametrize("run", ["the same run", "the next run"])
def test_a_damaged_record_costs_the_rest_of_its_segment_and_that_is_counted(at, run):
    bench = Bench()
    bench.put(*records(*range(10)))
    bench.write()
    path = bench.segment(0)
    content = bytearray(bench.flash.files[path])
    content[at] ^= 0x90
    bench.flash.files[path] = bytes(content)
    if run == "the next run":
        bench = Bench(bench.flash)
    good = (at - 8) // 14
    assert bench.drain() == records(*range(good), *range(6, 10))
    assert (bench.store.lost, bench.store.torn) == (6 - good, 0)
    assert (len(bench.store), bench.names()) == (0, [])


def test_a_newest_segment_that_is_damaged_is_not_appended_to():
    bench = Bench()
    bench.put(*records(0, 1))
    bench.write()
    path = bench.segment(0)
    bench.flash.files[path] = bench.flash.files[path][:-1]
    bench.load()
    bench.put(*records(2))
    bench.write()
    assert bench.names() == ["00000000.seg", "00000001.seg"]
    assert bench.drain() == records(2)
    assert bench.store.lost == 1


def test_records_of_an_earlier_run_that_are_longer_now_than_allowed_are_lost_and_counted():
    bench = Bench()
    bench.put(b"1234567890", *records(*range(6)))
    bench.write()
    again = Bench(bench.flash, size=8)
    assert again.drain() == records(4, 5)
    assert (again.store.lost, again.store.torn) == (5, 0)


def test_a_full_store_takes_no_more():
    bench = Bench()
    assert bench.put(*records(*range(25))) == 21  # three segments of six, and the batch
    assert (bench.store.used(), len(bench.store), len(bench.source)) == (3, 21, 4)
    assert (bench.store.errors, bench.store.overwritten) == (0, 0)
    writes = bench.store.writes
    assert not bench.write()
    assert bench.store.writes == writes
    bench.load()
    assert not bench.write()
    bench.load()
    assert not bench.write()  # all of the oldest is loaded; the next load says that it is taken
    bench.load()
    assert bench.put() == 4
    assert bench.drain() == records(*range(10, 25))


def test_a_full_store_can_overwrite_its_oldest_segment_and_counts():
    bench = Bench(store_overflow=OVERWRITE)
    assert bench.put(*records(*range(25))) == 25
    assert (bench.store.overwritten, len(bench.store)) == (6, 19)
    assert bench.names() == ["00000001.seg", "00000002.seg", "00000003.seg"]
    assert bench.drain() == records(*range(6, 25))


def test_an_overwritten_segment_counts_what_was_not_loaded_of_it():
    bench = Bench(store_overflow=OVERWRITE)
    bench.put(*records(*range(20)))
    assert [record for record, _ in bench.load()] == records(0, 1, 2, 3)
    bench.put(*records(*range(20, 25)))
    assert bench.store.overwritten == 2
    assert bench.drain() == records(*range(6, 25))


def test_a_store_with_one_segment_overwrites_that():
    bench = Bench(store_overflow=OVERWRITE, segments=1)
    bench.put(*records(*range(10)))
    assert (bench.store.overwritten, bench.names()) == (6, ["00000001.seg"])
    assert bench.drain() == records(6, 7, 8, 9)


def test_more_segments_than_allowed_from_an_earlier_run_are_read_and_not_added_to():
    bench = Bench()
    bench.put(*records(*range(13)))
    bench.write()
    again = Bench(bench.flash, segments=1)
    assert again.put(*records(*range(13, 19))) == 3
    assert again.drain() == records(*range(16))
    overwriting = Bench(bench.flash, segments=1, store_overflow=OVERWRITE)
    assert (len(overwriting.store), overwriting.store.used()) == (0, 0)


def test_a_ring_that_overwrites_a_record_while_it_is_moved_keeps_it_out_of_the_store():
    bench = Bench(overflow=OVERWRITE)
    bench.put(*records(0))
    source = RecordRing(1, SIZE, OVERWRITE, bench.clock.ticks)
    source.put(b"old", 3)
    stamp = source.peek_ticks

    def overtaken():
        source.put(b"new", 3)
        return stamp()

    source.peek_ticks = overtaken
    assert bench.store.add(source)
    assert (len(bench.store), source.overwritten) == (1, 1)
    source.peek_ticks = stamp
    assert bench.store.add(source)
    assert bench.drain() == [b"rec000", b"new"]


def test_an_empty_ring_adds_nothing_and_an_empty_batch_writes_nothing():
    bench = Bench()
    assert bench.store.add(bench.source)
    assert bench.write()
    assert (len(bench.store), bench.store.writes, bench.names()) == (0, 0, [])


def test_foreign_files_in_the_folder_stay_untouched():
    flash = Flash()
    for name in ("notes.txt", "0000001.seg", "abcdefgh.seg", "00000001.segx"):
        flash.files[f"{FOLDER}/{name}"] = b"mine"
    bench = Bench(flash)
    bench.put(*records(*range(8)))
    assert bench.drain() == records(*range(8))
    assert len(flash.files) == 4 and set(flash.files.values()) == {b"mine"}


def test_the_number_of_a_record_starts_again_after_the_largest_small_integer():
    bench = Bench()
    bench.store._first = (1 << 30) - 2
    bench.put(*records(*range(13)))
    bench.write()
    again = Bench(bench.flash)
    assert len(again.store) == 13
    assert again.drain() == records(*range(13))
    assert again.store.lost == 0


# Faults


@pytest.mark.parametrize("operation", ["open wb", "write", "close"])
@pytest.mark.parametrize("fat", [False, True])
def test_a_write_that_fails_is_counted_and_tried_again_and_costs_no_record(operation, fat):
    bench = Bench(Flash(fat=fat))
    bench.put(*records(0, 1, 2))
    bench.flash.fails = lambda done, path: EIO if done == operation else 0
    assert not bench.write()
    assert (bench.store.errors, bench.store.last_error, len(bench.store)) == (1, EIO, 3)
    assert not bench.write()  # once more at once
    assert bench.store.errors == 2
    assert not bench.write()  # and not again before 1,000 ticks have passed
    bench.clock.advance(999)
    assert not bench.write()
    assert bench.store.errors == 2
    bench.clock.advance(1)
    bench.flash.heal()
    assert bench.write()
    assert (bench.store.errors, bench.flash.open_files) == (2, 0)
    assert bench.drain() == records(0, 1, 2)
    assert bench.names() == []


def test_a_failure_a_period_after_another_is_tried_again_at_once_too():
    bench = Bench(retry_ticks=60_000)
    bench.put(*records(0))
    for _ in range(2):
        bench.flash.fails = lambda operation, path: EIO if operation == "write" else 0
        tried = bench.store.writes
        assert not bench.write() and not bench.write() and not bench.write()
        assert bench.store.writes == tried + 2  # and once more at once
        bench.flash.heal()
        bench.clock.advance(60_000)
        assert bench.write()
        bench.put(*records(1))
        bench.clock.advance((1 << 30) - 60_000 + 30_000)  # since the last attempt was allowed


def test_records_that_cannot_be_written_can_be_taken():
    bench = Bench()
    bench.flash.fails = lambda done, path: ENOSPC if done == "open wb" else 0
    assert bench.put(*records(*range(9))) == 3
    assert [record for record, _ in bench.load()] == records(0, 1, 2)
    assert bench.load() == []
    assert bench.put() == 3
    assert bench.drain() == records(3, 4, 5)
    assert (len(bench.source), bench.store.lost) == (3, 0)


@pytest.mark.parametrize("room", range(51, 92))
@pytest.mark.parametrize("fat", [False, True])
def test_after_a_write_that_ended_half_way_the_next_begins_a_segment(room, fat):
    bench = Bench(Flash(fat=fat))
    bench.put(*records(0, 1, 2))
    bench.write()
    bench.put(*records(3, 4, 5))
    bench.flash.room = room
    assert not bench.write()
    assert (bench.store.errors, bench.store.last_error) == (1, ENOSPC)

    after_a_reset = Bench(bench.flash.copy())
    whole, torn = divmod(room - 50 if fat else 0, 14)
    assert after_a_reset.drain() == records(*range(3 + whole))
    assert (after_a_reset.store.torn, after_a_reset.store.lost) == (1 if torn else 0, 0)

    bench.flash.heal()
    assert bench.write()
    bench.put(*records(6))
    bench.write()
    assert bench.names() == ["00000000.seg", "00000001.seg"]
    assert Bench(bench.flash.copy()).drain() == records(*range(7))
    assert bench.drain() == records(*range(7))
    assert bench.store.lost == 0


def test_a_read_that_fails_is_tried_again_and_costs_no_record():
    bench = Bench()
    bench.put(*records(*range(7)))
    bench.flash.fails = lambda done, path: EIO if done == "read" else 0
    assert [bench.load() for _ in range(4)] == [[]] * 4
    assert (bench.store.errors, bench.store.last_error, bench.store.lost) == (2, EIO, 0)
    bench.flash.heal()
    bench.clock.advance(1000)
    assert bench.drain() == records(*range(7))
    assert (bench.store.errors, bench.store.lost) == (2, 0)


@pytest.mark.parametrize("good", range(4))
def test_a_read_that_fails_half_way_gives_what_it_had_and_goes_on_there(good):
    bench = Bench()
    bench.put(*records(*range(7)))
    reads = []
    bench.flash.fails = lambda done, path: (
        EIO if done == "read" and (reads.append(0) or len(reads) == 2 * good + 2) else 0
    )
    assert [record for record, _ in bench.load()] == records(*range(good))
    assert bench.drain() == records(*range(good, 7))
    assert (bench.store.errors, bench.store.lost) == (1, 0)


def test_a_segment_that_cannot_be_read_three_times_is_given_up_and_counted():
    bench = Bench()
    bench.put(*records(*range(14)))
    bad = bench.segment(0)
    bench.flash.fails = lambda done, path: EIO if (done, path) == ("read", bad) else 0
    assert bench.drain() == records(*range(6, 14))
    assert (bench.store.errors, bench.store.lost, bench.names()) == (3, 6, [])


def test_a_segment_that_is_gone_is_given_up_at_once_and_counted():
    bench = Bench()
    bench.put(*records(*range(10)))
    del bench.flash.files[bench.segment(0)]
    assert bench.load() == []
    assert (bench.store.lost, bench.store.last_error) == (6, ENOENT)
    assert bench.drain() == records(6, 7, 8, 9)
    assert bench.store.errors == 1


def test_a_segment_that_cannot_be_deleted_keeps_its_place_but_is_not_read_again():
    bench = Bench()
    bench.put(*records(*range(13)))
    bench.flash.fails = lambda done, path: EIO if done == "remove" else 0
    assert bench.drain() == records(*range(13))
    assert bench.store.errors >= 2
    assert bench.names() == ["00000000.seg", "00000001.seg"]
    bench.put(*records(*range(13, 20)))
    bench.write()
    assert not bench.write() or bench.store.used() == 3
    bench.flash.heal()
    bench.clock.advance(1000)
    assert bench.drain() == records(*range(13, 20))
    assert (bench.names(), bench.store.lost) == ([], 0)


def test_segments_are_deleted_in_order_so_that_none_seems_lost_after_a_reset():
    bench = Bench()
    bench.put(*records(*range(13)))
    bench.write()
    first = bench.segment(0)
    bench.flash.fails = lambda done, path: EIO if (done, path) == ("remove", first) else 0
    bench.drain(patience=0)
    bench.flash.heal()
    again = Bench(bench.flash)
    assert again.drain() == records(*range(13))
    assert again.store.lost == 0


def test_an_overwriting_store_whose_oldest_segment_cannot_be_deleted_loses_nothing():
    bench = Bench(store_overflow=OVERWRITE)
    bench.put(*records(*range(18)))
    bench.flash.fails = lambda done, path: EIO if done == "remove" else 0
    assert bench.put(*records(*range(18, 30))) == 3
    assert (bench.store.overwritten, bench.store.errors) == (0, 1)
    bench.flash.heal()
    assert bench.put() == 9
    assert bench.store.overwritten == 12
    assert bench.drain() == records(*range(12, 30))


@pytest.mark.parametrize("operation", ["mkdir", "listdir", "open rb", "read"])
def test_a_folder_that_cannot_be_used_at_the_start_is_an_oserror(operation):
    flash = Flash()
    bench = Bench(flash)
    bench.put(*records(0))
    bench.write()
    flash.fails = lambda done, path: EIO if done == operation else 0
    with pytest.raises(OSError):
        Bench(flash)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"size": 0}, ValueError, "size must be from 1 to 65535, not 0"),
        ({"size": "8"}, TypeError, "size must be an int from 1 to 65535, not '8'"),
        ({"segments": 0}, ValueError, "segments must be from 1 to 9999, not 0"),
        ({"segment_bytes": 25}, ValueError, "segment_bytes must be from 26 to"),
        ({"batch_bytes": 17}, ValueError, "batch_bytes must be from 18 to 84, not 17"),
        ({"batch_bytes": 85}, ValueError, "batch_bytes must be from 18 to 84, not 85"),
        ({"store_overflow": 2}, ValueError, "overflow must be REJECT or OVERWRITE, not 2"),
        ({"retry_ticks": 0}, ValueError, "retry_ticks must be from 1 to 536870911, not 0"),
        ({"retry_ticks": 1 << 29}, ValueError, "retry_ticks must be from 1 to 536870911"),
    ],
)
def test_wrong_arguments_are_named(options, error, words):
    with pytest.raises(error, match=words):
        Bench(**options)


def test_the_limits_of_the_arguments_serve():
    for options in ({"segment_bytes": 26, "batch_bytes": 18}, {"retry_ticks": (1 << 29) - 1}):
        bench = Bench(**options)
        bench.put(b"1234567890", b"x")
        assert bench.drain() == [b"1234567890", b"x"]
