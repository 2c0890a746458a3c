"""What the fleet's watermark leaves of a board's own, in tables."""

from clock import Clock

from sluice.program.watermark import part


def test_it_is_half_at_the_half_and_less_beyond():
    for watermark_ms, half_ms, expected in (
        (0, 500, 1024),
        (1, 500, 1021),
        (500, 500, 512),
        (1000, 500, 341),
        (1500, 500, 256),
        (20000, 500, 24),
        (600000, 500, 1),
        (600000, 1, 1),
        (0, 1, 1024),
        (1, 1, 512),
        (600000, 60000, 93),
    ):
        assert part(watermark_ms, half_ms) == expected, (watermark_ms, half_ms)


def test_the_largest_values_stay_small_integers():
    for half_ms in (1, 499, 60000):
        for watermark_ms in (0, 1, 599999, 600000):
            strict = Clock(watermark_ms).ticks()  # on CPython it raises when it leaves 31 bits
            exact = 1024 * half_ms // (half_ms + watermark_ms)
            assert part(strict, half_ms) == max(1, exact)
