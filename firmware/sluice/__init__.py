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
    "RateTuner": "control.tuning",
}


def __getattr__(name):
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError("module 'sluice' has no attribute '%s'" % name)
    module = __import__("sluice." + home, None, None, (name,))
    return getattr(module, name)
