# What `__getattr__` in __init__.py finds, for type checkers; not installed on boards.
from sluice.bucket import TokenBucket as TokenBucket
from sluice.pipeline import Pipeline as Pipeline
from sluice.records import RecordRing as RecordRing
from sluice.ring import OVERWRITE as OVERWRITE
from sluice.ring import REJECT as REJECT
from sluice.ring import RingQueue as RingQueue
from sluice.stats import Stats as Stats

__version__: str
