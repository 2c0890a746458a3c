"""The histogram's scale, and percentiles by nearest rank on it."""

from sluice.flow.histogram import CLASSES, LogHistogram, _bucket_of, _value_of

LAST = 0x3FFFFFFF
LARGEST = (1 << 29) - 1


def off(value):
    """How far the histogram's value is from the true one, in thousandths of it."""
    return abs(_value_of(_bucket_of(value)) - value) * 1000 // max(value, 1)


def test_the_scale_has_no_gap_and_is_at_most_6_percent_off():
    for value in range(300):
        assert _bucket_of(value + 1) - _bucket_of(value) in (0, 1)
        assert off(value) <= 60
    for value in range(16):
        assert _value_of(_bucket_of(value)) == value


def test_parts_of_high_octaves_join():
    for octave in (8, 15, 16, 17, 28):
        for part in range(8, 16):
            low = part << octave - 3
            high = low + (1 << octave - 3) - 1
            assert _bucket_of(low) == _bucket_of(high) == _bucket_of(low - 1) + 1
            assert off(low) <= 60
            assert off(high) <= 60


def test_the_scale_has_ends():
    for value, bucket in ((-5, 0), (0, 0), (LARGEST, 215), (LARGEST + 1, 215), (0x3FFFFFFF, 215)):
        assert _bucket_of(value) == bucket


def test_percentiles_are_nearest_ranks():
    for values, p50, p95, p100 in (
        ((), -1, -1, -1),
        ((7,), 7, 7, 7),
        ((1, 2), 1, 2, 2),
        ((9, 1, 5), 5, 9, 9),
        (tuple(range(1, 11)), 5, 10, 10),
        ((0,) * 19 + (12,), 0, 0, 12),
        ((0,) * 18 + (12,) * 2, 0, 12, 12),
    ):
        histogram = LogHistogram()
        for value in values:
            histogram.add(value)
        assert histogram.count == len(values)
        found = histogram.percentile(50), histogram.percentile(95), histogram.percentile(100)
        assert found == (p50, p95, p100)
        histogram.clear()
        assert (histogram.count, histogram.percentile(50)) == (0, -1)


def test_a_tally_adds_up_by_octaves_and_wraps():
    classes = [0] * (CLASSES + 1)
    histogram = LogHistogram()
    for value in (0, 3, 4, 7, 8, 15, 16, 16383, 16384, LAST):
        histogram.add(value)
    histogram.tally(classes)
    assert classes[:CLASSES] == [2, 2, 2, 1] + [0] * 8 + [1, 2]
    classes[0] = LAST
    histogram.clear()
    for _ in range(3):
        histogram.add(2)
    classes[CLASSES] = LAST - 1
    histogram.tally(classes)
    assert (classes[0], classes[1], classes[CLASSES]) == (2, 2, 4)


def test_the_sum_of_a_tally_is_that_of_the_values():
    classes = [0] * (CLASSES + 1)
    histogram = LogHistogram()
    for value in range(1000):
        histogram.add(value)
    histogram.tally(classes)
    assert abs(classes[CLASSES] - 499500) < 499500 * 6 // 100
