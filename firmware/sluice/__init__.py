# SPDX-License-Identifier: MIT
"""Rate limiting and backpressure for MicroPython: `from sluice import TokenBucket`.

Each name is loaded from its file when it is first asked for, so a board pays
only for what it uses.
"""

__version__ = "0.1.0"

_HOMES = {
    "TokenBucket": "limit.bucket",
    "RingQueue": "queue.ring",
    "REJECT": "queue.ring",
    "OVERWRITE": "queue.ring",
    "RecordRing": "queue.records",
    "Stats": "flow.stats",
    "Pipeline": "flow.pipeline",
    "IrqGuard": "guard",
    "LockGuard": "guard",
    "Channel": "queue.channel",
    "Closed": "queue.channel",
    "WAIT": "queue.channel",
    "Get": "queue.channel",
    "Put": "queue.channel",
    "select": "queue.channel",
    "SegmentStore": "queue.store",
    "TieredQueue": "queue.tiered",
    "Router": "flow.router",
    "Topic": "flow.router",
    "KeyedBuckets": "limit.keyed",
    "AdaptiveLimit": "control.adaptive",
    "CoDel": "control.codel",
    "LoadMeter": "flow.load",
    "TunableBucket": "limit.tunable",
    "Pacer": "limit.pacer",
    "Throttle": "limit.throttle",
    "Debounce": "limit.debounce",
    "limited": "limit.limited",
    "limited_async": "limit.limited",
    "RateTuner": "control.tuning",
}

# Its modules and packages: on MicroPython an import asks here before it looks for the file, and
# an AttributeError would end it.
_MODULES = (
    "arguments",
    "control",
    "crc16",
    "crc16_native",
    "crc16_table",
    "deadline",
    "flow",
    "guard",
    "kernels",
    "limit",
    "link",
    "net",
    "program",
    "queue",
)


def __getattr__(name):
    if name in _MODULES:
        __import__("sluice." + name)  # which leaves it in this module
        return globals()[name]
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError("module 'sluice' has no attribute '%s'" % name)
    found = getattr(__import__("sluice." + home, None, None, (name,)), name)
    globals()[name] = found  # and it is not asked for here again
    return found
