"""The watermark in etcd: changed by compare-and-swap, followed by every gateway."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ..etcd import Etcd, Mirror
from .rule import Watermark, read, write

KEY = "/watermark/global"


async def change(etcd: Etcd, rule: Callable[[Watermark], Watermark]) -> Watermark:
    """Applies a rule to what stands in etcd, and writes it if it is something else; what stands.

    When somebody else has written in between, the rule is applied to that. EtcdUnavailable: the
    change may have been made or not; the rules may be applied again without harm.
    """
    while True:
        kv = await etcd.get(KEY)
        old = read(kv.value if kv else None)
        new = rule(old)
        if new == old:
            return old
        if await etcd.swap(KEY, write(new), kv.mod_revision if kv else 0):
            return new


async def follow(etcd: Etcd) -> AsyncGenerator[int, None]:
    """The watermark in ms as it stands, and then whenever it is another, for ever."""
    mirror = Mirror()
    last = None
    async with aclosing(etcd.follow(KEY)) as stream:
        async for news in stream:
            mirror.apply(news)
            kv = mirror.kvs.get(KEY)
            ms = read(kv.value if kv else None).ms
            if ms != last:
                last = ms
                yield ms
