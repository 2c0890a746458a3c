"""Frames' copy of what is received in viper."""

import micropython
from micropython import const

_MOST = const(254)  # bytes between two zeros


def over(plain, name):
    """A class that does in viper what the plain one does.

    plain: the Frames.
    """

    class Frames(plain):
        """sluice.link.frames.Frames."""

        @micropython.viper
        def _copy(self, chunk, at: int, end: int) -> int:
            """See Frames. Hot."""
            source = ptr8(chunk)
            frame = ptr8(self.received)
            fill = int(self._fill)
            while at < end:
                byte = source[at]
                if byte == 0:
                    break
                if fill < _MOST:
                    frame[fill] = byte
                fill += 1
                at += 1
            self._fill = fill if fill <= _MOST else _MOST + 1
            return at

    return Frames
