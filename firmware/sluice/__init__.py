"""Rate limiting and backpressure for MicroPython: `from sluice import TokenBucket`.

Each name is loaded from its file when it is first asked for, so a board pays
only for what it uses.
"""

__version__ = "0.1.0"

_HOMES = {
    "TokenBucket": "bucket",
    "RingQueue": "ring",
    "REJECT": "ring",
    "OVERWRITE": "ring",
    "RecordRing": "records",
    "Stats": "stats",
    "Pipeline": "pipeline",
    "IrqGuard": "guard",
    "LockGuard": "guard",
    "Channel": "channel",
    "Closed": "channel",
    "WAIT": "channel",
    "Get": "channel",
    "Put": "channel",
    "select": "channel",
    "SegmentStore": "store",
    "TieredQueue": "tiered",
    "Router": "router",
    "Topic": "router",
    "KeyedBuckets": "keyed",
    "AdaptiveLimit": "adaptive",
    "CoDel": "codel",
    "LoadMeter": "load",
    "TunableBucket": "tunable",
    "Pacer": "pacer",
    "RateTuner": "tuning",
}


def __getattr__(name):
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError("module 'sluice' has no attribute '%s'" % name)
    module = __import__("sluice." + home, None, None, (name,))
    return getattr(module, name)
