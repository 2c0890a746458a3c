"""Everything on one platform."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...errors import UserError
from ...itself import version_installed
from ..runtimes import ProgramError, Runtime
from . import provenance
from .cases import CASES, Case
from .figures import IMPORTED, ONE_BUCKET, ONE_QUEUE, Figure, Run
from .platforms import Platform
from .program import program, read
from .timings import figure

ONBOARD = Path(__file__).with_name("onboard")
_TIMEOUT_S = 600
_SLOTS = 128  # bytes of 64 numbers of 16 bits

# What the board is, and what of MicroPython it has.
_FACTS = """\
import sys
print('version', '.'.join([str(part) for part in sys.implementation[1][:3]]))
print('machine', getattr(sys.implementation, '_machine', sys.platform))
def has(home, name):
    try:
        return hasattr(__import__(home), name) or name == home
    except ImportError:
        return False
for want in {wants!r}:
    parts = want.split('.')
    if has(parts[0], parts[-1]):
        print('has', want)
"""

# Each name is there before it is used, so that none makes a dictionary grow while RAM is measured.
_NAMES = "import gc\nTokenBucket = RingQueue = bucket = queue = None"
_IMPORT = "from sluice.limit.bucket import TokenBucket\nfrom sluice.queue.ring import RingQueue"
# A program of their own each: one runtime collects only when no program runs.
_COLLECT = "gc.collect()"
_USED = "print('used', gc.mem_alloc())"

# Which form of the library the board has; after RAM, since it imports.
_FORM = """\
form = 'native'
try:
    import sluice.limit.bucket_native
except ImportError:
    form = 'bytecode'
print(form)
"""

_WANTS = sorted({case.wants for case in CASES if case.wants})
_WHOLE_LOOP = "from whole_loop import allocated\nprint('allocated', allocated(%d))"


def measure(platform: Platform, events: int | None, say: Callable[[str], object]) -> Run:
    """Run all cases there; say(what) is told what comes next.

    events: through the whole loop; None: as many as suit the platform.

    Raises UserError, in one line, for what fails.
    """
    runtime = platform.make()
    try:
        say("start")
        try:
            runtime.start(_helpers(platform))
        except TimeoutError as error:
            raise UserError(f"{platform.name} does not start: {error}") from None
        return _run(_Bench(platform, runtime), events, say)
    finally:
        runtime.stop()


class _Bench:
    """A runtime that is up; what goes wrong there is told with its name and the figure's."""

    def __init__(self, platform: Platform, runtime: Runtime) -> None:
        self.platform = platform
        self._runtime = runtime
        self._facts = self.lines("what it is", _FACTS.format(wants=_WANTS))

    def lines(self, what: str, program: str) -> list[str]:
        where = f"{self.platform.name}: {what}"
        try:
            return self._runtime.run(program, _TIMEOUT_S)
        except ProgramError as error:
            raise UserError(f"{where}: {str(error).strip().splitlines()[-1]}") from None
        except TimeoutError:
            raise UserError(f"{where}: no end within {_TIMEOUT_S} s") from None
        except UserError as error:
            raise UserError(f"{what}: {error.message}") from None

    def numbers(self, what: str, program: str) -> dict[str, int]:
        """By name, from lines like `name 5`."""
        pairs = [line.split() for line in self.lines(what, program)]
        return {name: int(number) for name, number in pairs}

    def fact(self, name: str) -> str:
        return next(
            line.removeprefix(name + " ") for line in self._facts if line.startswith(name + " ")
        )

    def why_absent(self, case: Case) -> str:
        """Why a case cannot be measured here; "": it can."""
        holds = self._runtime.holds
        if holds is not None and not case.holds <= holds:
            return f"no room for sluice.{', '.join(sorted(case.holds - holds))}"
        if case.wants and f"has {case.wants}" not in self._facts:
            return f"no {case.wants} in MicroPython {self.fact('version')}"
        return ""


def _run(bench: _Bench, events: int | None, say: Callable[[str], object]) -> Run:
    platform = bench.platform
    commit = provenance.commit()  # before anybody changes it
    say("RAM")
    ram = {} if platform.no_ram else _ram(bench)
    cases = {}
    for case in CASES:
        say(case.name)
        cases[case.name] = _figure(bench, case)
    loop_bytes = None
    if not platform.no_loop:
        events = events or platform.events
        what = f"whole loop, {events:,} events"
        say(what)
        loop_bytes = bench.numbers(what, _WHOLE_LOOP % events)["allocated"]
    return Run(
        runtime=platform.name,
        machine=bench.fact("machine"),
        micropython=bench.fact("version"),
        library=bench.lines("form", _FORM)[0],
        sluice=version_installed(),
        commit=commit,
        date=provenance.today(),
        repeatable=platform.repeatable,
        calls=platform.effort.singles,
        cases=cases,
        ram=ram,
        loop_events=events or 0,
        loop_bytes=loop_bytes,
        absent={what: why for what, why in platform.absent.items() if why},
    )


def _figure(bench: _Bench, case: Case) -> Figure:
    if reason := bench.why_absent(case):
        return Figure(absent=reason)
    effort = bench.platform.effort
    try:
        text = program(case, effort, bench.platform.quiet)
        lines = bench.lines(case.name, text)
        text = program(
            case, replace(effort, singles=0), bench.platform.quiet
        )  # those take long enough once
        for _ in range(effort.programs - 1):
            lines += bench.lines(case.name, text)
        return figure(read(lines, case, effort))
    except ValueError as error:
        raise UserError(f"{bench.platform.name}: {case.name}: {error}") from None


def _ram(bench: _Bench) -> dict[str, int]:
    """To be measured before anything of the library is imported."""
    bench.lines("RAM", _NAMES)
    return {
        IMPORTED: _taken(bench, _IMPORT),
        ONE_BUCKET: _taken(bench, "bucket = TokenBucket(500, 10)"),
        ONE_QUEUE: _taken(bench, "queue = RingQueue(64, 'H')") - _SLOTS,
    }


def _taken(bench: _Bench, program: str) -> int:
    """The bytes that are in use after a program, and were not before."""
    before = _used(bench)
    bench.lines("RAM", program)
    return _used(bench) - before


def _used(bench: _Bench) -> int:
    bench.lines("RAM", _COLLECT)
    return bench.numbers("RAM", _USED)["used"]


def _helpers(platform: Platform) -> dict[str, Path]:
    found = {path.stem: path for path in ONBOARD.glob("*.py")}
    return {
        name: path
        for name, path in found.items()
        if platform.helpers is None or name in platform.helpers
    }
