"""The board's configuration: read, checked, and the last good one kept."""

import json
import os

from sluice.bucket import TokenBucket
from sluice.link import MAX_RECORD
from sluice.pulses import SIZE as PULSE_SIZE

PATH = "/config.json"
GOOD_PATH = "/config.good.json"

DEFAULTS = {
    "rate": 500,  # tokens every per_ms; null: unlimited
    "per_ms": 1000,
    "burst": 10,
    "cost": "record",  # what a token stands for: a record, or a byte of it
    "slots": 64,
    "slot_size": 64,  # bytes of the longest record
    "overflow": "reject",
    "source": "link",
    "timer_ms": 100,  # period of the source "timer"
    "sink": "link",
    "tries": 5,  # attempts on the sink before a record is given up
    "stats_ms": 1000,
}

_WORDS = {
    "cost": ("record", "bytes"),
    "overflow": ("reject", "overwrite"),
    "source": ("link", "timer", "pin"),
    "sink": ("link", "uart", "null"),
}
_RANGES = {
    "rate": (0, (1 << 30) - 1),
    "per_ms": (1, 86400000),
    "burst": (1, (1 << 30) - 1),
    "slots": (1, 65535),
    "slot_size": (1, MAX_RECORD),
    "timer_ms": (1, 3600000),
    "tries": (1, 1000),
    "stats_ms": (100, 3600000),
}


class ConfigError(ValueError):
    """A configuration that cannot be used: `key`, its `value`, and what is `allowed`."""

    def __init__(self, key, value, allowed):
        ValueError.__init__(self, "%s is %s, allowed: %s" % (key, json.dumps(value), allowed))
        self.key = key
        self.value = value
        self.allowed = allowed


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
    for key, words in _WORDS.items():
        if config[key] not in words:
            raise ConfigError(key, config[key], " or ".join(words))
    for key, (low, high) in _RANGES.items():
        value = config[key]
        if key == "rate" and value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            or_null = " or null" if key == "rate" else ""
            raise ConfigError(key, value, "an integer from %d to %d%s" % (low, high, or_null))
    _check_together(config, per_second)
    return config


def make_bucket(config, ticks, per_second):
    """The TokenBucket of a configuration; ValueError when it is out of the bucket's bounds."""
    per = config["per_ms"] * per_second // 1000
    return TokenBucket(config["rate"], config["burst"], per, ticks)


def _check_together(config, per_second):
    if config["cost"] == "bytes" and config["burst"] < config["slot_size"]:
        allowed = "slot_size (%d) or more when cost is bytes" % config["slot_size"]
        raise ConfigError("burst", config["burst"], allowed)
    if config["source"] != "link" and config["slot_size"] < PULSE_SIZE:
        allowed = "%d or more when source is %s" % (PULSE_SIZE, config["source"])
        raise ConfigError("slot_size", config["slot_size"], allowed)
    try:
        make_bucket(config, lambda: 0, per_second)
    except ValueError as error:
        raise ConfigError("burst", config["burst"], str(error))


def load(per_second, report):
    """The configuration in force: config.json, or the last good one, or the defaults.

    A good config.json is kept as config.good.json. `report(key, value, allowed)`
    is called with what is wrong with a bad one.
    """
    try:
        with open(PATH) as file:
            config = check(json.load(file), per_second)
    except OSError as error:
        report("config.json", "errno %d" % error.args[0], "a file that can be read")
    except ConfigError as error:
        report(error.key, error.value, error.allowed)
    except ValueError:
        report("config.json", "no JSON", "an object of keys and values in JSON")
    else:
        _keep(config)
        return config
    return _last_good(per_second)


def _last_good(per_second):
    try:
        with open(GOOD_PATH) as file:
            return check(json.load(file), per_second)
    except (OSError, ValueError):  # there never was one, or another release wrote it
        return DEFAULTS.copy()


def _keep(config):
    try:
        with open(GOOD_PATH) as file:
            if json.load(file) == config:
                return
    except (OSError, ValueError):  # not there yet, or torn: it is written below
        pass
    with open(GOOD_PATH + ".new", "w") as file:
        json.dump(config, file)
    os.rename(GOOD_PATH + ".new", GOOD_PATH)
