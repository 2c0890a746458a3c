# SPDX-License-Identifier: MIT
"""The board's configuration: read, checked, and the last good one kept."""

import json
import os

from sluice.limit.tunable import TunableBucket
from sluice.program.keys import ROWS, allowed, default, fits, is_int, names

PATH = "/config.json"
GOOD_PATH = "/config.good.json"
SHARE_PATH = "/share.json"  # what is guaranteed to this board of a fleet's budget

DEFAULTS: dict = {row[0]: default(row) for row in ROWS}

_SHOWN = 40

_SMALL_MAX = (1 << 30) - 1
_MOST_TICKS = (1 << 29) - 1  # of a time that is compared


class ConfigError(ValueError):
    """A configuration that cannot be used: `key`, its `value`, and what is `allowed`."""

    def __init__(self, key, value, allowed):
        super().__init__("%s is %s, allowed: %s" % (printable(key), shown(value), allowed))
        self.key = key
        self.value = value
        self.allowed = allowed


def shown(value):
    """A value as JSON for a person to see, in at most 40 characters of ASCII that print."""
    try:
        text = printable(json.dumps(value))
    except (RuntimeError, MemoryError):  # objects in each other, too many for the stack
        return '"too much to show"'
    if text.startswith('"') and len(text) == _SHOWN:
        return text[:-1].rstrip("\\") + '"'  # closed again, for whoever reads the line
    return text


def printable(text):
    """The first 40 characters of a text, each that does not print as a question mark."""
    return "".join([c if 32 <= ord(c) < 127 else "?" for c in text[:_SHOWN]])


def check(values, per_second):
    """The whole configuration that `values` stands for, defaults filled in.

    per_second: ticks in a second on this board. Raises ConfigError for the first
    key that is unknown or whose value, alone or with the others, is not allowed.
    """
    if not isinstance(values, dict):
        raise ConfigError("config.json", values, "an object of keys and values")
    for key in values:
        if key not in DEFAULTS:
            raise ConfigError(key, values[key], "one of the keys " + " ".join(sorted(DEFAULTS)))
    config = DEFAULTS.copy()
    config.update(values)
    for row in ROWS:
        _check_value(row, config[row[0]], per_second)
    _check_together(config, per_second)
    return config


def adjustable(adopters):
    """What Settings may change while the program runs, as (keys, adopt) for each adopter.

    adopters: (name in the keys' rows, function of (config) that brings their values in force).
    """
    return tuple([(names(name), adopt) for name, adopt in adopters])


def make_bucket(config, ticks, per_second):
    """The bucket of a configuration; ValueError when it is out of the bucket's bounds."""
    return _bucket(config, _most_at_once(config), config["smooth_ms"], ticks, per_second)


def _bucket(config, burst, smooth_ms, ticks, per_second):
    per = config["per_ms"] * per_second // 1000
    rate = config["rate"]
    if smooth_ms is not None:
        from sluice.limit.pacer import Pacer

        return Pacer(rate, burst, per, ticks, smooth_ms * per_second // 1000)
    return TunableBucket(rate, burst, per, ticks)


def _most_at_once(config):
    smooth = config["smooth_ms"] is not None and config["cost"] == "record"
    return 1 if smooth else config["burst"]


def _check_value(row, value, per_second):
    name, unit = row[0], row[4]
    if not fits(row, value):
        if unit == "characters":  # it may hold what belongs into secrets.json
            value = "(not shown)"
        raise ConfigError(name, value, allowed(row))
    if unit == "ms" and value is not None:
        most_ms = _MOST_TICKS * 1000 // per_second
        if value > most_ms:
            raise ConfigError(name, value, "%d or less with this board's ticks" % most_ms)


# What follows gives a part the values of another configuration that `check` returned, while it
# is in use. ValueError: its state does not fit.


def adopt_bucket(bucket, config, per_second):
    """rate, per_ms and burst, for a bucket that `make_bucket` made."""
    per = config["per_ms"] * per_second // 1000
    burst = _most_at_once(config)
    # With the smaller burst at both rates no step is out of the bucket's bounds.
    if burst < bucket.burst:
        bucket.set_burst(burst)
    bucket.set_rate(config["rate"], per)
    if burst != bucket.burst:
        bucket.set_burst(burst)


def adopt_limit(ring, config):
    """limit, the user's."""
    ring.set_limit(ring.capacity if config["limit"] is None else config["limit"])


def _check_together(config, per_second):
    if config["limit"] is not None and config["control"] == "pid":
        raise ConfigError("limit", config["limit"], "null when control is pid, which sets it")
    if config["limit"] is not None and config["limit"] > config["slots"]:
        raise ConfigError("limit", config["limit"], "slots (%d) or less" % config["slots"])
    if config["cost"] == "bytes" and config["burst"] < config["slot_size"]:
        allowed = "slot_size (%d) or more when cost is bytes" % config["slot_size"]
        raise ConfigError("burst", config["burst"], allowed)
    _check_control(config)
    if config["rate_from"] == "budget":
        _check_budget(config, per_second)
    _check_bucket(config, per_second)


def _check_bucket(config, per_second):
    """Build it in steps, each with a value more: it is this one's fault when the step fails."""
    most = _most_at_once(config)
    for key, burst, smooth_ms in (
        ("rate", 1, None),
        ("burst", most, None),
        ("smooth_ms", most, config["smooth_ms"]),
    ):
        try:
            bucket = _bucket(config, burst, smooth_ms, _no_ticks, per_second)
            if config["control"] == "rate":
                from sluice.program.controllers import make_tuner

                make_tuner(config, bucket, per_second)
        except ValueError as error:
            raise ConfigError(key, config[key], str(error))


def _no_ticks():
    return 0


def _check_control(config):
    control, rate = config["control"], config["rate"]
    if control == "pid" and (config["limit_floor"] or 1) > config["slots"]:
        allowed = "slots (%d) or less" % config["slots"]
        raise ConfigError("limit_floor", config["limit_floor"], allowed)
    if control == "codel" and config["interval_ms"] < config["target_ms"]:
        allowed = "target_ms (%d) or more when control is codel" % config["target_ms"]
        raise ConfigError("interval_ms", config["interval_ms"], allowed)
    if control == "rate" and not rate:
        raise ConfigError("rate", rate, "1 or more when control is rate")
    if control == "rate" and config["rate_low"] > rate:
        raise ConfigError("rate_low", config["rate_low"], "rate (%d) or less" % rate)
    if control == "rate" and config["rate_keep"][0] > config["rate_keep"][1]:
        raise ConfigError("rate_keep", config["rate_keep"], "a share of at most 1")


def _check_budget(config, per_second):
    """Every rate that a gateway may grant, up to `rate`, has to suit the bucket."""
    rate, burst = config["rate"], config["burst"]
    if rate is None:
        raise ConfigError("rate", rate, "an integer when rate_from is budget: the most ever")
    if config["per_ms"] != 1000:
        raise ConfigError("per_ms", config["per_ms"], "1000 when rate_from is budget")
    if config["control"] == "rate":
        raise ConfigError("control", "rate", "another when rate_from is budget, which sets it")
    if config["smooth_ms"] is not None:
        # Not at every rate that may be granted is there room for the slack.
        raise ConfigError("smooth_ms", config["smooth_ms"], "null when rate_from is budget")
    # At worst rate / per cannot be reduced, or is reduced to 1 / per: see TokenBucket.
    most = min(_SMALL_MAX - rate, _SMALL_MAX >> 1) // per_second
    if most < 1:
        raise ConfigError("rate", rate, "less when rate_from is budget")
    if burst > most:
        allowed = "from 1 to %d at rates up to %d of a budget" % (most, rate)
        raise ConfigError("burst", burst, allowed)


def load_share(root=""):
    """Tokens a second that a fleet's budget guarantees to this board; 0: it was told none.

    root: of the flash, see `load`.
    """
    try:
        share = _read(root + SHARE_PATH)
        guaranteed = share.get("guaranteed") if isinstance(share, dict) else None
    except (OSError, ValueError):  # never told, or the file is torn
        return 0
    return guaranteed if is_int(guaranteed, (0, _SMALL_MAX)) else 0


def keep_share(guaranteed, root=""):
    """Write what `load_share` reads; see `keep`."""
    keep({"guaranteed": guaranteed}, root + SHARE_PATH)


def load(per_second, report, root=""):
    """The configuration of config.json, or None.

    `report(key, value, allowed)` is called with what is wrong with a bad one.  root: what the
    paths of the board's files begin with, empty on a board: a twin's flash is a folder.
    """
    try:
        return check(_read(root + PATH), per_second)
    except OSError as error:
        report("config.json", "errno %d" % error.args[0], "a file that can be read")
    except ConfigError as error:
        report(error.key, error.value, error.allowed)
    except ValueError as error:
        report("config.json", str(error), "an object of keys and values in JSON")
    return None


def load_good(per_second, root=""):
    """The last configuration that a program stood with, or None; see `load`."""
    try:
        return check(_read(root + GOOD_PATH), per_second)
    except (OSError, ValueError):  # there never was one, or another release wrote it
        return None


def keep_good(config, report, root=""):
    """Keep for `load_good` a configuration with which a program stands; see `load`."""
    try:
        keep(config, root + GOOD_PATH)
    except OSError as error:
        report("config.good.json", "errno %d" % error.args[0], "a flash that can be written")
    except MemoryError:
        report("config.good.json", "not written", "what the memory is enough for")


def keep(config, path):
    """Write a configuration, or other values, to the file as JSON, if it is not there yet.

    Cut off at any moment, the file is the old one or the new one. OSError: it cannot be written.
    """
    try:
        if _read(path) == config:
            return
    except (OSError, ValueError):  # not there yet, or torn: it is written below
        pass
    try:
        with open(path + ".new", "w") as file:
            json.dump(config, file)
    except OSError:
        _remove(path + ".new")  # what a full flash took of it stands in everybody's way
        raise
    os.rename(path + ".new", path)


def _remove(path):
    try:
        os.remove(path)
    except OSError:  # it could not even be made
        pass


def _read(path):
    """The file's JSON; OSError, or ValueError, also when the board cannot hold what it says."""
    with open(path) as file:
        try:
            return json.load(file)
        except (RuntimeError, MemoryError):
            raise ValueError("too large, or nested too deeply")
        except ValueError:
            raise ValueError("no JSON")
