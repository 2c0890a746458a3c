# SPDX-License-Identifier: MIT
"""The configuration in force, and its changes by a host while the program runs.

docs/link.md describes the frames byte by byte.
"""

import gc

from micropython import const

import sluice.program.config as configuration
from sluice.link.frames import put
from sluice.program.audit import (
    CHANGED,
    KEPT,
    ON_TRIAL,
    ROLLED_BACK,
    SUPERSEDED,
    WHO_MAX,
    AuditLog,
)
from sluice.program.config import ConfigError
from sluice.program.trial import LONGEST_S, Trial

SET = const(0x83)
AUDIT = const(0x85)
CONFIRM = const(0x94)
REFUSE = const(0x95)
ENTRY = const(0x96)

KEY_MAX = const(20)  # bytes of a key's name

_SENT_END = const(253)  # of the longest content in the buffer for a frame
_PAIRS = const(6)  # that surely fit into a CONFIRM


class Settings:
    """Answers a host's requests to change the configuration, or to tell what was changed.

    config:     the configuration in force, which `sluice.program.config.check` returned.
    per_second: ticks in a second.
    adjustable: a tuple of (keys, adopt): keys that can be changed while the program
                runs, and the function of (config) that brings their values in
                force. When it raises ValueError they do not fit, and it is called
                once more with the values before. They are integers, None, or
                lists of up to 3 integers.
    stats:      the Stats that a change on trial is judged by.
    frames, line, log: for the answers: a Frames; for the console, its line and a
                LogLine that is empty between two calls.
    root:       of the flash, see `sluice.program.config.load`.

    A request allocates what it needs to be checked, and leaves that to the
    collector. What stays does not grow.

    Ownership: the main loop alone.
    """

    def __init__(self, config, per_second, adjustable, stats, frames, line, log, root=""):
        self._config = config
        self._before = config  # what a trial goes back to
        self._per_second = per_second
        self._trial = Trial(stats, per_second // 50, self._end_trial)
        own = (("trial", self._adopt_thresholds),)
        self._adjustable = adjustable + configuration.adjustable(own)
        self._adopt_thresholds(config)
        self._keys = [key for keys, _ in self._adjustable for key in keys]
        self._names = [key.encode() for key in self._keys]
        self._stats = stats
        self._frames = frames
        self._line = line
        self._log = log
        self._path = root + configuration.PATH
        self._audit = AuditLog()
        self._request = 0  # of the change on trial
        self._who = b""

    def receive(self, end) -> bool:
        """Answer the frame whose content is in frames.received[1:end]; False: not known here."""
        kind = self._frames.received[1]
        if kind == SET and end > 5 and self._number():
            self._receive_set(self._number(), bytes(self._frames.received[5:end]))
        elif kind == AUDIT and end == 5:
            self._send_entry(self._number())
        else:
            return False
        return True

    def judge_trial(self) -> None:
        """To be called when the statistics have closed an interval. Hot.

        When it ends a trial, that allocates.
        """
        self._trial.judge()

    def _number(self):
        received = self._frames.received
        return received[2] | received[3] << 8 | received[4] << 16

    def _receive_set(self, request, text):
        try:
            if not self._audit.knows(request):
                self._change(request, _parse(text))
        except ConfigError as error:
            self._refuse(request, error)
        except MemoryError:
            allowed = "what %d bytes of memory are enough for" % gc.mem_free()
            self._refuse(request, ConfigError("request", len(text), allowed))
        else:
            self._confirm(request)

    def _change(self, request, pairs):
        who = pairs.pop("who", "")
        trial_s = pairs.pop("trial_s", 0)
        keeps = pairs.pop("keep", 0)
        self._check_request(who, trial_s, keeps)
        config = self._checked(pairs)
        before = self._config
        changed = [i for i, key in enumerate(self._keys) if config[key] != before[key]]
        if not changed and not keeps:
            return
        if changed:
            self._adopt(config, changed)
        if keeps:
            try:
                configuration.keep(config, self._path)
            except (OSError, MemoryError) as error:
                self._adopt(before, changed)
                if isinstance(error, MemoryError):
                    raise
                raise ConfigError("keep", "errno %d" % error.args[0], "a flash that can be written")
        if self._trial.runs():
            self._trial.stop()
            self._tell_trial(b"superseded")
            self._note(SUPERSEDED, self._before, before)
        self._request, self._who = request, who.encode()
        self._config, self._before = config, before
        self._note(ON_TRIAL if trial_s else CHANGED, before, config)
        if trial_s and changed:
            self._trial.begin(trial_s)

    def _check_request(self, who, trial_s, keeps):
        if not isinstance(who, str) or not 0 < len(who) <= WHO_MAX:
            raise ConfigError("who", who, "a name of 1 to %d characters, not a number" % WHO_MAX)
        if keeps not in (0, 1):
            raise ConfigError("keep", keeps, "0 or 1")
        if trial_s == 0:
            return
        shortest = (self._config["stats_ms"] + 999) // 1000
        if not isinstance(trial_s, int) or not shortest <= trial_s <= LONGEST_S:
            allowed = "from %d (stats_ms) to %d seconds" % (shortest, LONGEST_S)
            raise ConfigError("trial_s", trial_s, allowed)
        if keeps:
            raise ConfigError("keep", keeps, "0 when a change is on trial")

    def _checked(self, pairs):
        for key, value in pairs.items():
            if key not in self._keys:
                allowed = "one of the keys that change while it runs: " + " ".join(self._keys)
                raise ConfigError(key, value, allowed)
        config = self._config.copy()
        config.update(pairs)
        return configuration.check(config, self._per_second)

    def _adopt(self, config, changed):
        """Bring the changed keys in force, all of them or, with a ConfigError, none."""
        adopted = []
        for keys, adopt in self._adjustable:
            mine = [i for i in changed if self._keys[i] in keys]
            if not mine:
                continue
            adopted.append(adopt)
            try:
                adopt(config)
            except (ValueError, MemoryError) as error:
                for again in adopted:
                    again(self._config)
                if isinstance(error, MemoryError):
                    raise
                key = self._keys[mine[0]]
                raise ConfigError(key, config[key], str(error))

    def _adopt_thresholds(self, config):
        self._trial.set_thresholds(config["trial_errors_pct"], config["trial_p95_pct"])

    def _end_trial(self, result):
        tried = self._config
        if result == KEPT:
            self._tell_trial(b"kept")
            self._note(KEPT, self._before, tried)
            return
        changed = [i for i, key in enumerate(self._keys) if tried[key] != self._before[key]]
        self._adopt(self._before, changed)
        self._config = self._before
        self._tell_trial(b"rolled_back")
        self._note(ROLLED_BACK, tried, self._before)

    def _tell_trial(self, result):
        log, trial, per_ms = self._log, self._trial, self._per_second // 1000
        log.word(b"event", b"trial")
        log.word(b"result", result)
        log.hundredths(b"errors_before_pct", trial.errors_before)
        log.hundredths(b"errors_pct", trial.errors)
        log.number(b"p95_before_ms", -1 if trial.p95_before < 0 else trial.p95_before // per_ms)
        log.number(b"p95_ms", -1 if trial.p95 < 0 else trial.p95 // per_ms)
        log.write(self._line)

    def _note(self, event, old, new):
        """Say on the console and in the audit log which keys have changed."""
        audit = self._audit
        for i, key in enumerate(self._keys):
            if old[key] != new[key]:
                name = self._names[i]
                index = audit.end
                up_s = self._stats.up_s
                audit.add(event, self._request, name, old[key], new[key], self._who, up_s)
                audit.describe(index, self._log)
                self._log.write(self._line)

    def _confirm(self, request):
        """Send the values in force, in as many frames as they need."""
        frames, log = self._frames, self._log
        for i, name in enumerate(self._names):
            log.value(name, self._config[self._keys[i]])
            if i % _PAIRS == _PAIRS - 1 or i == len(self._names) - 1:
                frames.sent[2] = CONFIRM
                put(frames.sent, 3, request, 3)
                put(frames.sent, 6, self._trial.left_s(), 2)
                frames.sent[8] = len(self._names)
                frames.send(log.copy_to(frames.sent, 9, _SENT_END))

    def _refuse(self, request, error):
        frames = self._frames
        text = "%s\n%s\n%s" % (
            configuration.printable(error.key)[:KEY_MAX],
            configuration.shown(error.value),
            error.allowed,
        )
        data = text.encode()[: _SENT_END - 6]
        frames.sent[2] = REFUSE
        put(frames.sent, 3, request, 3)
        frames.sent[6 : 6 + len(data)] = data
        frames.send(6 + len(data))

    def _send_entry(self, index):
        frames, audit, log = self._frames, self._audit, self._log
        nearest = audit.nearest(index)
        if nearest != audit.end:
            audit.describe(nearest, log)
        frames.sent[2] = ENTRY
        put(frames.sent, 3, index, 3)
        put(frames.sent, 6, nearest, 3)
        put(frames.sent, 9, audit.end, 3)
        frames.send(log.copy_to(frames.sent, 12, _SENT_END))


def _parse(text):
    """The pairs of a request, `key=value key=value ...`; ConfigError when it is anything else."""
    for byte in text:
        if not 32 <= byte < 127:
            raise ConfigError("request", byte, "characters from 32 to 126")
    pairs = {}
    for word in text.decode().split(" "):
        key, equals, value = word.partition("=")
        if not equals or not key or not value or '"' in word or "=" in value or key in pairs:
            raise ConfigError("request", word, "key=value, each key once, with one space between")
        pairs[key] = _value(value)
    return pairs


def _value(text):
    if "," in text:
        return [_value(part) for part in text.split(",")]
    if text == "none":
        return None
    digits = text[1:] if text.startswith("-") else text
    return int(text) if digits.isdigit() else text
