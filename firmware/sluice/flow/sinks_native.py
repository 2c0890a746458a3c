# SPDX-License-Identifier: MIT
"""LinkSink in viper, inside the bucket if it can."""

import micropython
from micropython import const

from sluice.kernels import in_force

_BUCKET_SETTLED = const(1)  # the bucket's word


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the LinkSink.
    """

    class LinkSink(plain):
        """sluice.flow.sinks.LinkSink."""

        def __init__(self, link, bucket):
            plain.__init__(self, link, bucket)
            if type(self).room is plain.room:
                self.room = link.room
            inside = "TokenBucket" in in_force and hasattr(bucket, "_state")
            if not inside or type(self).write is not plain.write:
                return
            words, deliver = bucket._state, link.deliver

            @micropython.viper
            def write(record, n: int):
                return deliver(record, n, ptr32(words)[_BUCKET_SETTLED])

            self.write = write

    return LinkSink
