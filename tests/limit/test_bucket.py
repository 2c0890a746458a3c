"""The token bucket on the host's clock; its cases are in tests/suite."""

from freezegun import freeze_time

from sluice import TokenBucket


def test_follows_the_host_clock_and_so_freezegun():
    with freeze_time("2026-11-23") as frozen:
        bucket = TokenBucket(10, 2)
        assert bucket.try_acquire(2)
        frozen.tick(0.099)
        assert not bucket.try_acquire()
        frozen.tick(0.001)
        assert bucket.try_acquire()
