"""A scenario, run: the board and its host on one clock, with all that happens to them."""

import hashlib
import itertools
import math
import random
import re
import signal
import tempfile
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

from sluice.net.secrets import PATH as SECRETS_PATH
from sluice.program.config import keep
from sluice.program.network import KEY_PATH

from ...errors import UserError
from ...serial.session import LinkError
from .device import TAKE, Device
from .flash import Flash, PowerCut
from .host import FeedProgram, GatewayProgram, Program, Sender, Settings
from .line import Way
from .listening import KEY, Host, Sockets
from .scenario import TICK_PERIOD, Faults, Scenario
from .serving import has_wifi, make_server
from .violation import Violation
from .watched import Served
from .witness import Witness, payload

_IDLE_MS = 20
"""A loop that has nothing to do turns so often."""

_ATTEND_MS = 10
"""The program looks at its leases so often, in its next turn."""

_STILL_MS = 30_000
"""When all is well something moves within so long, and the time that a token takes."""

_LONGEST_MS = 120_000
"""Of a calm at the end, in which what is left moves on."""

_RETRY_MS = 70_000
"""A sink to a server waits for so long at most, from when all is well."""

_CONNECT_MS = 10_000
"""A connection is made within so long."""

_JUMP_MS = 1 << 26
"""A board with nothing to do turns at least so often; it is 18 hours."""

_QUIET_MS = 5_000
"""Time may jump when for so long nothing is due."""

_TURN_CPU_S = 10
"""Processor time after which a turn of the loop never ends."""

_LEAST_UNITS = 3
"""A bucket's least rate: its burst, below 2^30 units, is paid within 2^29 ticks."""

_ROOT = "/flash"
_KERNELS = re.compile(rb"kernels=\d+/\d+")  # the one thing in which runtimes may differ
_BAD_CONFIG = re.compile(rb"event=config_error key=(?!light_sleep_ms)")
_NEVER = float("inf")
_SHOWN = 25


@dataclass(frozen=True)
class Outcome:
    """A run without a violation. ms: how long it lasted.  digest: of all that was sent."""

    ms: int
    digest: str


class AnyDevice(Protocol):
    """A Device, or what stands for one in another process."""

    idle_ms: int

    def configure(self, values: dict[str, object]) -> None: ...
    def power_on(self) -> None: ...
    def power_off(self) -> None: ...
    def pulse(self) -> None: ...
    def set_uart(self, mode: str, ms: int) -> None: ...
    def set_holder(self, places: int, ms: int, at_once: int, losses: int) -> None: ...
    def set_served(self, what: str, *values: object) -> None: ...
    def set_stuck(self, stuck: bool) -> None: ...
    def run(
        self, ms: int, received: bytes
    ) -> tuple[bytes, int, list[bytes], list[str], dict[str, int] | None]: ...


def make_device(scenario: Scenario) -> AnyDevice:
    """A board in this process, whose files are those of the flash that is mounted."""
    return Device(_ROOT, scenario.tick, scenario.turns_per_ms, scenario.sleeps, scenario.holds)


def _make_served(scenario: Scenario, served: Served) -> AnyDevice:
    if has_wifi(scenario):
        keep({"wifi_ssid": "home"}, _ROOT + SECRETS_PATH)
    return Device(_ROOT, scenario.tick, scenario.turns_per_ms, False, False, served)


def _make_listening(scenario: Scenario, flash: Flash, sockets: Sockets) -> AnyDevice:
    flash.files[KEY_PATH] = KEY.hex().encode()
    holds = scenario.holds
    return Device(_ROOT, scenario.tick, scenario.turns_per_ms, False, holds, None, sockets)


def run(scenario: Scenario, make_board: Callable[[Scenario], AnyDevice] = make_device) -> Outcome:
    """Lets it happen. Violation: a promise was broken."""
    random.seed(scenario.seed)  # programs draw the numbers of their sessions from it
    with (
        tempfile.TemporaryDirectory(prefix="simulate") as folder,
        Flash(_ROOT) as flash,
        ExitStack() as stack,
    ):
        if scenario.served:
            chance = random.Random(f"{scenario.seed} internet")
            served = Served(make_server(scenario, chance), chance, scenario.tick)
            stack.enter_context(served.internet)
            make_board = partial(_make_served, served=served)
        sockets = None
        if scenario.listens:
            sockets = Sockets(random.Random(f"{scenario.seed} sockets"), scenario.tick)
            stack.enter_context(sockets)
            make_board = partial(_make_listening, flash=flash, sockets=sockets)
        world = World(scenario, make_board(scenario), Path(folder), flash, sockets)
        try:
            world.run()
        except Violation as violation:
            raise Violation(world.story(str(violation))) from None
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} in {where.name}, {Path(where.filename).name}: {error}"
            raise Violation(world.story(text)) from error
        finally:
            world.close()
        return Outcome(world.now, world.digest)


class World:
    """All parts of a scenario. now: ms since its begin."""

    def __init__(
        self,
        scenario: Scenario,
        board: AnyDevice,
        folder: Path,
        flash: Flash,
        sockets: Sockets | None,
    ) -> None:
        self._flash = flash
        self.now = 0
        self._scenario = scenario
        self._chance = random.Random(scenario.seed)
        self._bookmark = folder / "bookmark"
        self._board = board
        self._board.configure(scenario.config)
        self._board.power_on()
        self._powered = True
        self._state: dict[str, int] | None = None
        self._to_board = Way(scenario.to_board, self._chance)
        self._to_host = Way(scenario.to_host, self._chance)
        # The host's end of a connection, if the line is one.
        self._tcp: Host | None = None
        if sockets is not None:
            self._tcp = Host(sockets, self._to_board, self._to_host, self._chance)
        payloads = [payload(place, size) for place, (_, size) in enumerate(scenario.records)]
        self.witness = Witness(payloads, self._may_damage(), scenario.served, scenario.stores)
        self._events = deque(scenario.events)
        self._later: list[tuple[int, int, Callable[[], None]]] = []  # when, order, what
        self._order = itertools.count()
        self._calm = False
        self._calm_from = 0
        self._board_ms = 0  # how far the board is
        self._last_pulse = -1
        self._off_ms = 0  # how long the power will be away
        sure = scenario.config["sink"] in ("link", "null")
        self._never_refuses = sure and not scenario.has("stuck")
        self._patience_ms = _RETRY_MS if scenario.served else 0
        self._wake_at = 0.0
        self._plugged = True
        self._suspended_until = 0
        self._suspended = False
        self._killed = False  # a host was, and what it sent may be sent again
        self._settings = Settings(scenario.config)
        self._fleet: GatewayProgram | None = None
        self._feed: FeedProgram | None = None
        self._grants: list[tuple[int, int]] = []  # rates, and until when, by the board's clock
        self._guaranteed: list[int] = []
        # By what a board has of its own: the watermarks that it had, and what each left it.
        self._pressed: dict[tuple[int, ...], dict[int, tuple[int, Fraction]]] = {}
        self._history: deque[str] = deque(maxlen=_SHOWN)
        self._hash = hashlib.sha256()
        self._moved_at = 0
        self._still: object = None
        self._longest_wait = 0
        self._feeds = scenario.config["source"] == "link" and bool(scenario.records)
        self._start_host()
        if self._fleet is None and scenario.has("watermark", "grant"):
            self._fleet = GatewayProgram(replace(scenario, host="feed"), self.witness, 0, 0)
            self._fleet.line_opened(0)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._feed is not None:
            self._feed.close()

    def story(self, what: str) -> str:
        """What is wrong, and what came before it."""
        return "\n".join(
            [f"{what}, {self.now} ms after the start", *self._history, f"the board: {self._state}"]
        )

    def run(self) -> None:
        """Violation: a promise was broken."""
        watch = signal.signal(signal.SIGVTALRM, _never_ends)
        try:
            while not self._over():
                signal.setitimer(signal.ITIMER_VIRTUAL, _TURN_CPU_S)
                self._happen()
                self._turn_host()
                self._turn_board()
                self._check()
                self._advance()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, watch)
        self._settle()

    # Time.

    def _advance(self) -> None:
        times = [self._wake_at, self._to_board.next_ms]
        if self._events:
            times.append(self._events[0].at_ms)
        if self._later:
            times.append(min(self._later)[0])
        if not self._calm:
            times.append(self._scenario.calm_ms)
        if self._plugged:
            deadline = min(program.deadline for program in self._programs())
            if self._tcp is not None:
                deadline = min(deadline, self._tcp.deadline_ms / 1000)
            times.append(max(min(deadline * 1000, self._to_host.next_ms), self._suspended_until))
        self.now = max(self.now + 1, math.ceil(min(times)))

    def _happen(self) -> None:
        due = sorted(entry for entry in self._later if entry[0] <= self.now)
        for entry in due:
            self._later.remove(entry)
            entry[2]()
        while self._events and self._events[0].at_ms <= self.now:
            event = self._events.popleft()
            self._note(str(event))
            getattr(self, "_do_" + event.what)(*event.value)
        if not self._calm and self.now >= self._scenario.calm_ms:
            self._become_calm()

    def _after(self, ms: int, do: Callable[[], None]) -> None:
        self._later.append((self.now + ms, next(self._order), do))

    # The two ends.

    def _programs(self) -> list[Program]:
        """Those that have the port, the senders first."""
        programs = [self._feed, self._fleet, self._settings]
        return [program for program in programs if program is not None]

    def _turn_host(self) -> None:
        if self.now < self._suspended_until:
            self._suspended = True
            return
        if not self._plugged:
            return
        now = self.now / 1000
        data = self._to_host.take(self.now)
        if self._tcp is not None:
            data = self._receive_over(self._tcp, data)
        if data:
            self._hash.update(_KERNELS.sub(b"", data))
            for program in self._programs():
                self._call(lambda each=program: each.receive(data, now))
        if self._suspended:
            self._suspended = False
            for program in self._programs():
                program.woke(now)
        out = b""
        for program in self._programs():
            out += self._call(lambda each=program: each.poll(now)) or b""
        if self._tcp is not None:
            out = self._tcp.send(out, self.now)
        if out:
            self._hash.update(out)
            self._to_board.put(out, self.now)

    def _may_damage(self) -> bool:
        """Whether what the line changes may pass for what was sent: a checksum may not see it, but
        a MAC does."""
        return self._scenario.damages and not self._scenario.listens

    def _receive_over(self, tcp: Host, data: bytes) -> bytes:
        """What came of the line over TCP; the programs are told when they have it, and have it no
        more."""
        was_up = tcp.is_up
        content = tcp.receive(data, self.now)
        if was_up != tcp.is_up:
            for program in self._programs():
                if tcp.is_up:
                    program.line_opened(self.now / 1000)
                else:
                    program.line_lost()
        return content

    def _do_cut(self, silently: bool) -> None:
        """The connection is gone; silently: the board is not told."""
        if self._tcp is not None:
            self._lose_connection(partial(self._tcp.leave, silently=silently))

    def _lose_connection(self, leave: Callable[[int], None]) -> None:
        assert self._tcp is not None
        was_up = self._tcp.is_up
        leave(self.now)
        if was_up:
            for program in self._programs():
                program.line_lost()

    def _call(self, do: Callable[[], bytes | None]) -> bytes | None:
        try:
            return do()
        except LinkError as error:
            raise Violation(f"the feed ends: {error}") from error
        except UserError as error:
            # Something has to keep board and host apart for as long as a feed waits.
            silenced = self._scenario.has("suspend", "stall", "stuck", "reset", "unplug")
            calm = self._calm
            if self._tcp is not None:  # which takes its time to connect, also when all is well
                silenced, calm = True, calm and self.now > self._calm_from + _CONNECT_MS
            if calm or not silenced:
                raise Violation(f"the feed ends: {error}") from error
            self._do_kill(500)
            return b""

    @property
    def _sender(self) -> Sender | None:
        """Who sends the log; None: it was killed, and is not resumed yet."""
        return self._feed if self._scenario.host == "feed" else self._fleet

    def _turn_board(self) -> None:
        self._board.idle_ms = _IDLE_MS
        if self._may_jump():
            # The host sleeps, too, and wakes a little before.
            self._suspended_until = int(self._next_due_ms()) - _QUIET_MS // 2
            self._calm_from = self._suspended_until
            self._board.idle_ms = _JUMP_MS
        received = self._to_board.take(self.now)
        ms = self.now - self._board_ms
        try:
            sent, wake, taken, wrong, self._state = self._board.run(ms, received)
        except PowerCut:
            self._lose_power()
            return
        self._board_ms = self.now
        if _BAD_CONFIG.search(sent) and not self._scenario.has("full"):
            raise Violation("the board cannot read its configuration")
        if wrong:
            raise Violation(wrong[0])
        if sent and self._plugged and self._state is not None:
            self._to_host.put(sent, self.now)
        self._wake_at = self.now + wake if wake else _NEVER
        if self._scenario.config["source"] == "link":
            self.witness.take(taken)
        elif not self._scenario.served:
            self._take_pulses(taken)

    def _take_pulses(self, taken: list[bytes]) -> None:
        """Each pulse has a number and a tick; the numbers rise, until the board is reset."""
        for data in taken:
            number = int.from_bytes(data[:4], "little")
            if number <= self._last_pulse:
                raise Violation(f"pulse {number} came after {self._last_pulse}")
            self._last_pulse = number

    def _may_jump(self) -> bool:
        """Whether all that is going on is that time passes."""
        sender = self._sender
        return (
            self._settings.calm
            and self._settings.over
            and sender is not None
            and not sender.under_way
            and self._state is not None
            and self._watermark_told()
            and not (self._scenario.stores and self._state["depth"])
            and self.now + _QUIET_MS < self._next_due_ms() < _NEVER
        )

    # What is checked all the time.

    def _check(self) -> None:
        state = self._state
        if state is None:
            return
        if self._scenario.config.get("rate_from") == "budget":
            self._check_budget(state)
        self._check_pressure(state)
        if self._never_refuses and state["retried"] + state["failed"]:
            raise Violation("an attempt on a sink that refuses nothing has failed")
        if state["refused"]:
            raise Violation("the board has refused a record for which it had given credit")
        if self._calm:
            self._check_progress(state)

    def _check_budget(self, state: dict[str, int]) -> None:
        """The rate is at most what a grant that is in force has said."""
        ms, rate = state["ms"] - _IDLE_MS - _ATTEND_MS, state["rate"]
        granted = [total for total, until in self._grants if ms < until]
        if rate > max([*granted, *self._guaranteed, 0]):
            raise Violation(f"the rate is {rate}, and no grant says that")

    def _check_pressure(self, state: dict[str, int]) -> None:
        """The board works at the part of its own that the watermark leaves, and never at more under
        a larger one."""
        watermark, half, own_limit = state["watermark_ms"], state["half_ms"], state["own_limit"]
        part = max(1, 1024 * half // (half + watermark))
        limit, rate = max(1, own_limit * part // 1024), state["rate"]
        if state["limit"] != limit:
            raise Violation(f"the limit is {state['limit']}, not {limit}")
        granted = Fraction(0)
        if rate is not None:
            num, den = state["num"], state["den"]
            granted, wanted = Fraction(num, den), Fraction(rate * part, state["per"] * 1024)
            # Rounded down to a unit, but not below the least rate of its burst.
            if not (granted <= wanted < granted + Fraction(1, den) or num <= _LEAST_UNITS):
                raise Violation(f"the bucket grants {granted} a tick, not {wanted}")
        names = ("own_limit", "half_ms", "rate", "per", "burst")
        others = self._pressed.setdefault(tuple(state[name] for name in names), {})
        if watermark not in others:
            for other, (limit_there, granted_there) in others.items():
                more = limit - limit_there, granted - granted_there
                if any(each * (watermark - other) > 0 for each in more):
                    raise Violation(f"{watermark} ms leave more than {other} ms, or less do less")
            others[watermark] = limit, granted

    def _check_progress(self, state: dict[str, int]) -> None:
        """Something moves, unless a token takes so long, or nothing is to be done."""
        figures = ("admitted", "failed", "shed", "depth")
        still = (self.witness.acknowledged, self._sent(), *(state[name] for name in figures))
        if still != self._still:
            self._still, self._moved_at, self._longest_wait = still, self.now, 0
            return
        self._longest_wait = max(self._longest_wait, state["wait"])
        if (not self._sender_over() and self._next_due_ms() > self.now) or (
            state["depth"] and state["rate"] == 0
        ):
            self._moved_at = self.now
        if self.now - self._moved_at > _STILL_MS + self._patience_ms + self._longest_wait:
            raise Violation(f"nothing moves any more: {still}")

    def _sent(self) -> int:
        sender = self._sender
        return 0 if sender is None else sender.sent

    def _next_due_ms(self) -> float:
        """When the next record arrives; 0: it has."""
        sent, records = self._sent(), self._scenario.records
        if not self._feeds or sent >= len(records):
            return 0
        sender = self._sender
        return 0 if sender is None else sender.due_ms(sent)

    # Its end.

    def _sender_over(self) -> bool:
        if not self._feeds:
            return True
        sender = self._sender
        return sender is not None and sender.over

    def _over(self) -> bool:
        if not self._settings.calm:
            return False
        if self._overdue() or self._stands():
            return True
        if not self._sender_over() or not self._settings.over or not self._watermark_told():
            return False
        return self._figure("depth") == 0

    def _stands(self) -> bool:
        """Whether the board has been told to let nothing through."""
        return self._figure("rate") == 0 and self.now > self._calm_from + _QUIET_MS

    def _watermark_told(self) -> bool:
        """Whether the fleet's watermark is in force; it has to be in time."""
        wanted = None if self._fleet is None else self._fleet.watermark
        there = self._figure("watermark_ms")
        if wanted in (None, there):
            return True
        if self.now > self._calm_from + _STILL_MS:
            raise Violation(f"the watermark is {there}, not {wanted} ms")
        return False

    def _figure(self, name: str) -> int:
        """One of the board, which runs."""
        assert self._state is not None
        return self._state[name]

    def _overdue(self) -> bool:
        return self.now > self._calm_from + _LONGEST_MS + self._patience_ms

    def _settle(self) -> None:
        """All is over: the sums of all sides."""
        if self._sender_over() and self._feeds:
            self._settle_records()
        if not any("trial_s" in str(event) for event in self._scenario.events):
            self._settle_board()  # else a trial may have ended since the board was asked

    def _settle_records(self) -> None:
        witness = self.witness
        if witness.acknowledged != len(witness.payloads):
            raise Violation(f"{witness.acknowledged} of {len(witness.payloads)} are acknowledged")
        sender = self._sender
        assert sender is not None
        told = witness.told_before + sender.told
        if self._scenario.stores:
            told += self._figure("depth")  # at a rate at which it takes too long
        witness.settle(str(self._scenario.config["sink"]), told, self._figure("admitted"))
        if self._scenario.served and self._figure("admitted") != self._figure("said"):
            said = self._figure("said")
            raise Violation(f"{self._figure('admitted')} counted as taken, the sink said {said}")
        if self._feed is not None:
            self._feed.settle()

    def _settle_board(self) -> None:
        """What the board says of its settings is in force."""
        state, values = self._state, self._settings.values
        assert state is not None
        rate, per = state["rate"], state["per"]
        if values["control"] is None and values["rate_from"] == "config":
            told = values["rate"], values["per_ms"]
            if (rate, per) != told:
                raise Violation(f"the rate is {rate} every {per} ms, the board says {told}")
        if values["control"] != "pid":
            limit = values["limit"] or state["capacity"]
            if state["own_limit"] != limit:
                raise Violation(f"the queue's own limit is {state['own_limit']}, not {limit}")
        if state["half_ms"] != values["watermark_half_ms"]:
            raise Violation(f"watermark_half_ms is {state['half_ms']}, the board says {values}")

    # What may happen.

    def _note(self, text: str) -> None:
        self._history.append(f"  {self.now} ms: {text}")

    def _start_host(self) -> None:
        if not self._feeds:
            return
        # A line reorders what one program sends, not what two send one after the other.
        self._to_board.keep_order()
        now = self.now / 1000
        if self._scenario.host == "feed":
            self._feed = FeedProgram(self._scenario, self.witness, self._bookmark, now)
            self._feed.line_opened(now)
        else:
            first = self.witness.acknowledged
            self._fleet = GatewayProgram(self._scenario, self.witness, now, first)
            self._fleet.line_opened(now)

    def _do_kill(self, ms: int) -> None:
        self.witness.interrupted = True
        self._killed = True
        sender = self._sender
        if sender is None:
            return
        self.witness.told_before += sender.told
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        else:
            self._fleet = None
        if self._chance.random() < 0.5:
            if self._tcp is None:
                self._to_host.clear()
            else:
                self._lose_connection(self._tcp.leave)
        self._after(ms, self._resume)

    def _resume(self) -> None:
        if self._sender is None:
            self._start_host()

    def _do_suspend(self, ms: int) -> None:
        self._suspended_until = max(self._suspended_until, self.now + ms)

    def _do_reset(self, ms: int) -> None:
        self.witness.interrupted = True
        if self._scenario.stores and self._scenario.served and not self._killed:
            self._board.set_served("keep_numbers", self.witness.acknowledged)
        self._board.power_off()
        self._powered = False
        self._last_pulse = -1
        self._settings.forget()
        self._after(ms, self._power_on)

    def _power_on(self) -> None:
        if not self._powered:
            self._powered = True
            try:
                self._board.power_on()
            except PowerCut:
                self._lose_power()

    def _lose_power(self) -> None:
        """The flash has lost it in the middle of a step."""
        self._note("the power goes")
        self._flash.reset()
        self._flash.cut_at(None)
        self._board_ms, self._wake_at = self.now, _NEVER
        self._do_reset(self._off_ms)

    def _do_power(self, steps: int, ms: int) -> None:
        """The power will go at so many steps of the flash from now on, for so long."""
        self._off_ms = ms
        self._flash.cut_at(steps)

    def _do_full(self, ms: int) -> None:
        self._flash.room = 0
        self._after(ms, self._empty)

    def _empty(self) -> None:
        self._flash.room = None

    def _do_unplug(self, ms: int) -> None:
        if not self._plugged:
            return
        self._plugged = False
        self._to_board.clear()
        self._to_host.clear()
        for program in self._programs():
            program.line_lost()
        self._after(ms, self._plug)

    def _plug(self) -> None:
        if not self._plugged:
            self._plugged = True
            self._to_board.clear()
            for program in self._programs():
                program.line_opened(self.now / 1000)

    def _do_stall(self, which: str, ms: int) -> None:
        way = self._to_board if which == "board" else self._to_host
        way.stalled_until = max(way.stalled_until, self.now + ms)

    def _do_stuck(self, ms: int) -> None:
        self._board.set_stuck(True)
        self._after(ms, self._unstick)

    def _unstick(self) -> None:
        self._board.set_stuck(False)

    def _do_sink(self, mode: str, ms: int, span_ms: int) -> None:
        self._board.set_uart(mode, ms)
        self._after(span_ms, self._mend_sink)

    def _mend_sink(self) -> None:
        self._board.set_uart(TAKE, 0)

    def _do_hold(self, places: int, ms: int, at_once: int, losses: int) -> None:
        self._board.set_holder(places, ms, at_once, losses)

    def _do_way(self, delay_ms: int, most: int, space: int) -> None:
        self._board.set_served("set_way", delay_ms, most, space)

    def _do_server(self, think_ms: int, *shares: object) -> None:
        self._board.set_served("set_server", think_ms, *shares)

    def _do_outage(self, what: str, ms: int) -> None:
        self._board.set_served("set_outage", what)
        self._after(ms, self._end_outage)

    def _end_outage(self) -> None:
        self._board.set_served("set_outage", "")

    def _do_set(self, pairs: str) -> None:
        self._settings.add(pairs)

    def _do_watermark(self, ms: int) -> None:
        if self._fleet is not None:
            self._fleet.set_watermark(ms)

    def _do_grant(self, guaranteed: int, extra: int, lease_ms: int) -> None:
        if self._fleet is None:
            return
        # A grant that is on its way, and one that is late, may be in force as soon as it is sent.
        until = self._fleet.grant(guaranteed, extra, lease_ms)
        if until is not None:
            self._guaranteed.append(guaranteed)
            until_ms = (until - self._scenario.tick) % TICK_PERIOD
            self._grants.append((guaranteed + extra, until_ms))

    def _do_pulses(self, n: int) -> None:
        for _ in range(n):
            self._board.pulse()

    def _become_calm(self) -> None:
        """From now on nothing fails."""
        self._note("calm")
        self._calm = True
        self._calm_from = self._moved_at = self.now
        scenario = self._scenario
        for way, faults in ((self._to_board, scenario.to_board), (self._to_host, scenario.to_host)):
            way.faults = Faults(faults.delay_ms)
            way.stalled_until = 0
        self._suspended_until = 0
        self._flash.heal()
        self._flash.cut_at(None)
        self._unstick()
        self._mend_sink()
        if scenario.holds:
            self._board.set_holder(5, 1, 0, 0)
        if scenario.served:
            self._board.set_served("heal")
        self._power_on()
        self._plug()
        if self._tcp is not None:
            self._lose_connection(self._tcp.start_again)
            self._settings.give_up()
        self._later.clear()
        self._resume()
        if self._tcp is None:
            self._ask_settings()
        else:
            self._after(_CONNECT_MS, self._ask_settings)

    def _ask_settings(self) -> None:
        """What is in force; from now on there is an answer."""
        self._settings.calm = True
        self._settings.add("")


def _never_ends(number: int, frame: object) -> None:
    raise Violation("a turn never ends")
