# SPDX-License-Identifier: MIT
# What `__getattr__` in __init__.py finds, for type checkers; not installed on boards.
from sluice.control.adaptive import AdaptiveLimit as AdaptiveLimit
from sluice.control.codel import CoDel as CoDel
from sluice.control.tuning import RateTuner as RateTuner
from sluice.flow.load import LoadMeter as LoadMeter
from sluice.flow.pipeline import Pipeline as Pipeline
from sluice.flow.router import Router as Router
from sluice.flow.router import Topic as Topic
from sluice.flow.stats import Stats as Stats
from sluice.guard import IrqGuard as IrqGuard
from sluice.guard import LockGuard as LockGuard
from sluice.limit.bucket import TokenBucket as TokenBucket
from sluice.limit.debounce import Debounce as Debounce
from sluice.limit.keyed import KeyedBuckets as KeyedBuckets
from sluice.limit.limited import limited as limited
from sluice.limit.limited import limited_async as limited_async
from sluice.limit.pacer import Pacer as Pacer
from sluice.limit.throttle import Throttle as Throttle
from sluice.limit.tunable import TunableBucket as TunableBucket
from sluice.queue.channel import WAIT as WAIT
from sluice.queue.channel import Channel as Channel
from sluice.queue.channel import Closed as Closed
from sluice.queue.channel import Get as Get
from sluice.queue.channel import Put as Put
from sluice.queue.channel import select as select
from sluice.queue.records import RecordRing as RecordRing
from sluice.queue.ring import OVERWRITE as OVERWRITE
from sluice.queue.ring import REJECT as REJECT
from sluice.queue.ring import RingQueue as RingQueue
from sluice.queue.store import SegmentStore as SegmentStore
from sluice.queue.tiered import TieredQueue as TieredQueue

__version__: str
