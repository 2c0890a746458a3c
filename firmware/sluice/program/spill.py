# SPDX-License-Identifier: MIT
"""The queue that continues on flash, as it is configured: `store` and `store_folder`."""

import os
from random import getrandbits

from micropython import const

from sluice.program.config import ConfigError, load_good
from sluice.queue.ring import OVERWRITE, REJECT
from sluice.queue.store import AROUND, HEAD, SegmentStore, free
from sluice.queue.tiered import TieredQueue

_SEGMENT = const(4096)  # bytes of a file: a block of the flash of all boards
_MOST_SEGMENTS = const(9999)
_SPARE = const(262144)  # bytes of the flash that are left to others, another release above all
_READ_AHEAD = const(16)  # records, as many as a turn sends


def open_tiers(config, ring, ends, board):
    """A TieredQueue from the ring over the flash to its front.

    config: a configuration with a `store`.  ends: what is told of each record's end, or None.
    board:  the module of boards/<name>/board.py.

    ConfigError: what the configuration would have to be; the folder cannot be used, or the flash
    has no room for so many records. A configuration that stood before stands again: other files may
    have come since, and what has no room any more stays in memory, and is told.
    """
    _check(config)
    records, size = config["store"], config["slot_size"] + AROUND
    spill_at = max(1, (config["limit"] or config["slots"]) * 3 // 4)
    # A batch has so many of the longest records, and never fewer, and a file has whole batches. One
    # file more is for what was taken from the oldest.
    at_once = min(spill_at, (_SEGMENT - HEAD) // size)
    in_file = (_SEGMENT - HEAD) // (at_once * size) * at_once
    segments = (records + in_file - 1) // in_file + 1
    if segments > _MOST_SEGMENTS:
        most = (_MOST_SEGMENTS - 1) * in_file
        raise ConfigError("store", records, "%d or less with these slots" % most)
    folder = board.FLASH + config["store_folder"]
    free(folder)  # by a program that did not stand
    try:
        store = SegmentStore(
            folder,
            config["slot_size"],
            segments,
            _SEGMENT,
            at_once * size,
            OVERWRITE if config["overflow"] == "overwrite" else REJECT,
            board.ticks,
            board.TICKS_PER_S,
        )
        room = _room(folder) // _SEGMENT + store.used()
    except OSError as error:
        allowed = "a folder that can be made and read (errno %d)" % error.args[0]
        raise ConfigError("store_folder", config["store_folder"], allowed)
    if segments > room and load_good(board.TICKS_PER_S, board.FLASH) != config:
        store.close()
        allowed = "%d or less, as this flash has room" % max(0, (room - 1) * in_file)
        raise ConfigError("store", records, allowed)
    read_ahead = min(_READ_AHEAD, at_once)
    return TieredQueue(ring, store, None, spill_at, read_ahead, ends, getrandbits(30))


def _check(config):
    """What the store needs of other keys. These are read at the start only, like its own."""
    folder = config["store_folder"]
    if folder[0] != "/" or folder[-1] == "/":
        raise ConfigError("store_folder", folder, "a folder's whole name, like /store")
    if config["control"] in ("pid", "codel"):
        allowed = "null when control is %s: it turns away what a store keeps" % config["control"]
        raise ConfigError("store", config["store"], allowed)
    if config["source"] == config["sink"] == "link":
        allowed = "null when source and sink are link: the host keeps what is not taken"
        raise ConfigError("store", config["store"], allowed)


def _room(folder):
    """Bytes of the folder's file system that a store may take."""
    _, block, _, _, free, *_ = os.statvfs(folder)
    return free * block - _SPARE


class Spill:
    """The source of a program with a store: lets records come, and move between the tiers.

    tiers: the TieredQueue behind the source.

    Ownership: the main loop alone.
    """

    def __init__(self, tiers):
        self._tiers = tiers
        self._source = None
        self._holding = None

    def begin(self, source, pipeline) -> None:
        """Name what is polled for records, or None, and the pipeline behind the tiers."""
        self._source = source
        if hasattr(pipeline, "holding"):
            self._holding = pipeline.holding

    def number(self) -> int:
        """The number of the record that the pipeline gives its sink, if that holds records. Hot.

        Below 2^30, and the same when the record comes again after a reset.
        """
        return self._tiers.number(self._holding.ahead)  # type: ignore  # there is one

    def tell(self, log) -> None:
        """Append to a LogLine how the store is. Hot."""
        store = self._tiers.store
        log.number(b"stored", len(store))
        log.number(b"kept", store.kept)
        log.number(b"kept_bytes", store.kept_bytes)
        log.number(b"store_errors", store.errors)
        log.number(b"store_lost", store.lost + store.overwritten)

    def poll(self) -> bool:
        """Poll the source and move records; False when there was nothing to do.

        Blocks where the flash is written or read.
        """
        busy = self._source is not None and self._source.poll()
        return self._tiers.move() > 0 or busy
