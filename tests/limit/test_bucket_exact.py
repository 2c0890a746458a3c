"""The token bucket against an exact oracle, over random operations and terms."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from host_sim import StrictInt, TickClock
from sluice import TokenBucket

WRAP = 1 << 30
SMALL_MAX = WRAP - 1
OPERATIONS_AN_EXAMPLE = 400
EXAMPLES = 300


class Oracle:
    """A token bucket in fractions, on a time that never wraps."""

    def __init__(self, rate, burst, per):
        self.debt = Fraction(0)
        self.now = self.settled = 0
        self.burst = burst
        self.set_terms(rate, per)

    def set_terms(self, rate, per):
        self.rate, self.per = rate, per
        self.speed = Fraction(0 if rate is None else rate, per)

    @property
    def most_debt(self):
        num, den = self.speed.numerator, self.speed.denominator
        if self.rate is None:
            return Fraction(SMALL_MAX)
        return (
            Fraction(min(SMALL_MAX - num, num * ((1 << 29) - 1)), den)
            if num
            else Fraction(self.burst)
        )

    def settle(self):
        elapsed = max(0, self.now - self.settled)
        self.debt = max(Fraction(0), self.debt - elapsed * self.speed)
        self.settled = max(self.now, self.settled)

    def held(self):
        return self.burst - self.debt

    def wait(self, debt):
        if debt <= self.burst:
            return 0
        return ceil((debt - self.burst) / self.speed) if self.speed else -1

    def possible(self, n):
        return self.rate is None or n <= self.burst

    def try_acquire(self, n):
        self.settle()
        if n <= 0 or self.rate is None:
            return True
        if n > self.held():
            return False
        self.debt += n
        return True

    def wait_ticks(self, n):
        self.settle()
        if n <= 0 or self.rate is None:
            return 0
        return self.wait(self.debt + n) if n <= self.burst else -1

    def reserve(self, n, max_wait):
        self.settle()
        if n <= 0 or self.rate is None:
            return 0
        if n > self.burst or self.debt + n > self.most_debt:
            return -1
        wait = self.wait(self.debt + n)
        if 0 <= max_wait < wait:
            return -1
        self.debt += n
        return wait

    def cancel(self, n):
        self.settle()
        self.debt = max(Fraction(0), self.debt - max(0, n))

    def tokens(self):
        self.settle()
        return self.burst if self.rate is None else max(0, floor(self.held()))

    def set_rate(self, rate, per):
        """False when the terms or the debt are out of bounds; then nothing changed."""
        self.settle()
        old = self.rate, self.per, self.debt
        self.set_terms(rate, per)
        den = self.speed.denominator
        self.debt = Fraction(0) if rate is None else Fraction(ceil(self.debt * den), den)
        if max(self.debt, 0 if rate is None else self.burst) <= self.most_debt:
            return True
        self.set_terms(*old[:2])
        self.debt = old[2]
        return False

    def set_burst(self, burst):
        self.settle()
        old = self.burst, self.debt
        self.debt = max(Fraction(0), burst - self.held())
        self.burst = burst
        if max(self.debt, 0 if self.rate is None else self.burst) <= self.most_debt:
            return True
        self.burst, self.debt = old
        return False


rates = st.one_of(
    st.integers(0, 20), st.integers(0, SMALL_MAX), st.sampled_from([None, 1, 500, 1 << 29])
)
pers = st.one_of(st.integers(1, 20), st.integers(1, SMALL_MAX), st.sampled_from([1000, 1000000]))
bursts = st.one_of(st.integers(1, 20), st.integers(1, SMALL_MAX))
amounts = st.one_of(st.integers(-1, 5), st.integers(0, SMALL_MAX), st.just(-SMALL_MAX))
steps = st.one_of(
    st.integers(0, 20),
    st.integers(0, 1 << 29),
    st.integers(-65_536, 0),
    st.integers(WRAP // 2 - 3, WRAP // 2 + 3),
)
operations = st.one_of(
    st.tuples(st.just("step"), steps),
    st.tuples(st.just("step"), steps),
    st.tuples(st.just("try_acquire"), amounts),
    st.tuples(st.just("try_acquire"), st.integers(1, 3)),
    st.tuples(st.just("wait_ticks"), amounts),
    st.tuples(st.just("reserve"), amounts, st.one_of(st.integers(-1, 50), amounts)),
    st.tuples(st.just("cancel"), amounts),
    st.tuples(st.just("tokens")),
    st.tuples(st.just("refill")),
    st.tuples(st.just("set_rate"), rates, pers),
    st.tuples(st.just("set_burst"), bursts),
)


def apply(bucket, oracle, operation, arguments):
    """Carry the operation out on both; what each of them answers."""
    if operation == "refill":
        return bucket.refill(), oracle.settle()
    expected = getattr(oracle, operation)(*arguments)
    if not operation.startswith("set_"):
        strict = [StrictInt(argument) for argument in arguments]
        return getattr(bucket, operation)(*strict), expected
    try:
        getattr(bucket, operation)(*arguments)
    except ValueError:
        return False, expected
    return True, expected


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    rates,
    bursts,
    pers,
    st.sampled_from([0, WRAP - 1, WRAP // 2, 12345]),
    st.lists(operations, min_size=OPERATIONS_AN_EXAMPLE, max_size=OPERATIONS_AN_EXAMPLE + 50),
)
def test_agrees_with_the_oracle_and_stays_within_31_bits(rate, burst, per, start, script):
    clock = TickClock(start, strict=True)
    oracle = Oracle(rate, burst, per)
    if rate is not None and burst > oracle.most_debt:
        event("terms out of bounds")
        oracle = Oracle(0, burst, per)
        rate = 0
    bucket = TokenBucket(rate, burst, per, clock.ticks)
    for operation, *arguments in script:
        if operation == "step":
            oracle.now += arguments[0]
            if oracle.now < oracle.settled - 65_536:
                oracle.now = oracle.settled - 65_536  # farther back is another thing: idle
            clock.set((start + oracle.now) % WRAP)
            if arguments[0] > 1 << 28:
                bucket.refill()  # within 2^29 ticks of the last call, as the contract asks
                oracle.settle()
            continue
        got, expected = apply(bucket, oracle, operation, arguments)
        assert got == expected, (operation, arguments)
        assert bucket.wait_ticks(1) == oracle.wait_ticks(1)
