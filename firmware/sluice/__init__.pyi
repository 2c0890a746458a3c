# What `__getattr__` in __init__.py finds, for type checkers; not installed on boards.
from sluice.adaptive import AdaptiveLimit as AdaptiveLimit
from sluice.bucket import TokenBucket as TokenBucket
from sluice.channel import WAIT as WAIT
from sluice.channel import Channel as Channel
from sluice.channel import Closed as Closed
from sluice.channel import Get as Get
from sluice.channel import Put as Put
from sluice.channel import select as select
from sluice.codel import CoDel as CoDel
from sluice.guard import IrqGuard as IrqGuard
from sluice.guard import LockGuard as LockGuard
from sluice.keyed import KeyedBuckets as KeyedBuckets
from sluice.load import LoadMeter as LoadMeter
from sluice.pacer import Pacer as Pacer
from sluice.pipeline import Pipeline as Pipeline
from sluice.records import RecordRing as RecordRing
from sluice.ring import OVERWRITE as OVERWRITE
from sluice.ring import REJECT as REJECT
from sluice.ring import RingQueue as RingQueue
from sluice.router import Router as Router
from sluice.router import Topic as Topic
from sluice.stats import Stats as Stats
from sluice.store import SegmentStore as SegmentStore
from sluice.tiered import TieredQueue as TieredQueue
from sluice.tunable import TunableBucket as TunableBucket
from sluice.tuning import RateTuner as RateTuner

__version__: str
