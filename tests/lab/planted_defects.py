"""Realistic mistakes, each of which the simulator has to find.

The list was written before the simulator was tuned on it. `seed` is the first seed that finds it.
A defect is planted by changing a module's source before it is imported.
"""

from typing import NamedTuple


class Defect(NamedTuple):
    """One mistake: in `module`, `old`, which stands there once, becomes `new`."""

    name: str
    module: str
    old: str
    new: str
    seed: int | None = None


DEFECTS = [
    # Rows 1 to 7 and 20 of what was found by hand, as far as today's code can have them.
    Defect(
        "the records of the feed before count as the new one's",
        "sluice.link.session",
        "        self._foreign = self._waiting\n",
        "        self._foreign = 0\n",
        2,
    ),
    Defect(
        "a run without a delivery is told as long as there is room for none",
        "sluice.link.session",
        "        if self._run != self._told and not more:\n            self._tell_run()\n"
        "        if self._probe",
        "        while self._run != self._told or self._unconfirmed == 4:\n"
        "            self._tell_run()\n        if self._probe",
        4,
    ),
    Defect(
        "a delivery has the number of the record that was shed before it",
        "sluice.link.session",
        "        self._runs[slot] = self._run\n        self._run_how[slot] = self._how\n"
        "        self._run = self._how = self._told = 0\n",
        "        self._runs[slot] = 0\n",
        79,
    ),
    Defect(
        "a full window counts as a failed attempt",
        "sluice.flow.pipeline",
        "        if self._room() <= 0:\n            return self._stalled(n)\n",
        "",
        3,
    ),
    Defect(
        "a full window counts as a failed attempt, of several",
        "sluice.flow.pipeline",
        "        if n <= 0:\n            return 0\n",
        "        n = max(n, 1)\n",
        108,
    ),
    Defect(
        "the record in the pipeline's copy is not of the feed before",
        "sluice.link.session",
        "        self._foreign = self._waiting\n",
        "        self._foreign = len(self._ring)\n",
        133,
    ),
    Defect(
        "an idle time counts as a round trip",
        "sluice.link.session",
        "            self._probe = -1\n            self._rtt = 0\n",
        "            pass\n",
    ),
    Defect(
        "the link has room for more deliveries than it keeps",
        "sluice.link.session",
        "return self._foreign + window - self._unconfirmed if window",
        "return self._foreign + window + 1 - self._unconfirmed if window",
        3,
    ),
    Defect(
        "a lowered limit refuses what was promised",
        "sluice.link.session",
        "len(ring) == ring.capacity:",
        "len(ring) >= ring.limit:",
        54,
    ),
    # The board's link.
    Defect(
        "a record that came twice is taken twice",
        "sluice.link.session",
        "at = self._pass_duplicates(_RECORDS_AT, end, self._expected - seq & _SEQ_MASK)",
        "at = _RECORDS_AT",
        50,
    ),
    Defect(
        "a late confirmation is taken for a new one",
        "sluice.link.session",
        "        if n >= _SEQ_HALF:\n            return  # said before\n",
        "",
    ),
    Defect(
        "a confirmed run leaves its delivery behind",
        "sluice.link.session",
        "            n -= run + 1\n",
        "            n -= run or 1\n",
        79,
    ),
    Defect(
        "each hello begins a session",
        "sluice.link.session",
        "        if session != self._session:\n            self._begin(session,",
        "        if session:\n            self._begin(session,",
        2,
    ),
    Defect(
        "a new session keeps the deliveries of the one before",
        "sluice.link.session",
        "        self._unconfirmed = self._sent = self._done = 0\n        self._run",
        "        self._run",
        108,
    ),
    Defect(
        "credit is given for the slots of the feed before",
        "sluice.link.session",
        "        capacity = ring.limit - self._foreign\n",
        "        capacity = ring.limit\n",
        2,
    ),
    Defect(
        "a full window keeps one delivery more",
        "sluice.link.session",
        "if self._unconfirmed == self._window or not",
        "if not",
    ),
    Defect(
        "a varint of 128 has one byte",
        "sluice.link.session",
        "while value > 127:",
        "while value > 128:",
    ),
    Defect(
        "a confirmation of the session before counts",
        "sluice.link.session",
        "self._session and self._seq_at(2) == self._session",
        "self._session",
    ),
    Defect(
        "what is asked for again begins behind the oldest",
        "sluice.link.session",
        "        self._repeat_at = self._repeat_from = 0\n        self._repeats = n",
        "        self._repeat_at = 2\n        self._repeat_from = 1\n        self._repeats = n",
        39,
    ),
    Defect(
        "how a run ended is forgotten when it is repeated",
        "sluice.link.session",
        "            self._send_run(self._repeat_from, n, how)\n",
        "            self._send_run(self._repeat_from, n, 0)\n",
    ),
    Defect(
        "acknowledgements of what left last wait for more",
        "sluice.program.program",
        "self._ack_every if busy else 1, self._ack_within",
        "self._ack_every, 1 << 29",
    ),
    # The pipeline.
    Defect(
        "one token too many is given back",
        "sluice.flow.pipeline",
        "self._bucket.cancel(granted - self._attempts)",
        "self._bucket.cancel(granted - self._attempts + 1)",
        4,
    ),
    Defect(
        "nobody is told of a record that is given up",
        "sluice.flow.pipeline",
        "        self._stats.fail()\n        self._drop(GIVEN_UP)\n",
        "        self._stats.fail()\n        self._ring.release()\n        self._failures = 0\n",
        13,
    ),
    Defect(
        "nobody is told of what was overwritten",
        "sluice.flow.pipeline",
        "        ended(OVERWRITTEN, self._overwritten - before)\n",
        "        pass\n",
    ),
    Defect(
        "a step that ends early leaves the record that it sent",
        "sluice.flow.pipeline",
        "            if not self._in_time():\n                break\n        return",
        "            if not self._in_time():\n                return granted - 1\n        return",
    ),
    Defect(
        "a refused record is left out",
        "sluice.flow.pipeline",
        "        self._wait = self._backoff(self._failures)\n",
        "        self._wait = self._backoff(self._failures)\n        self._ring.release()\n",
        13,
    ),
    Defect(
        "each record costs one byte",
        "sluice.flow.pipeline",
        "cost = n if self._by_bytes else 1",
        "cost = 1",
        107,
    ),
    Defect(
        "a wait goes on after a change of the rate",
        "sluice.flow.pipeline",
        "        self._wait = 0\n\n    def lag",
        "        pass\n\n    def lag",
    ),
    # A sink that holds.
    Defect(
        "what a sink holds counts as taken",
        "sluice.flow.holding",
        "        if answer == _HELD:\n",
        "        if answer < 0:\n",
        7,
    ),
    Defect(
        "what a sink has lost counts as taken",
        "sluice.flow.holding",
        "        if n == -1:\n            self._lose()\n            return\n",
        "        if n == -1:\n            n = self._held\n",
        50,
    ),
    Defect(
        "a record that ends behind a held one leaves before it",
        "sluice.flow.holding",
        "        if self.ahead == 0:\n            self._denied",
        "        if how:\n            self._denied",
        124,
    ),
    Defect(
        "how a record ended stays behind in its place",
        "sluice.flow.holding",
        "        self._marks[first] = 0\n",
        "",
        92,
    ),
    # A sink to a server.
    Defect(
        "records are lost with the first connection that breaks",
        "sluice.net.http",
        "_RESENDS = const(1)",
        "_RESENDS = const(0)",
        90,
    ),
    Defect(
        "an acknowledgement counts for the oldest, whose ever it is",
        "sluice.net.mqtt",
        "                self._acked |= 1 << i\n",
        "                self._acked = self._acked << 1 | 1\n",
        0,
    ),
    Defect(
        "what was acknowledged out of order is sent again",
        "sluice.net.mqtt",
        "            if self._acked >> self._next & 1 == 0:\n                self._publish",
        "            if self._held:\n                self._publish",
        10,
    ),
    Defect(
        "records are taken while the broker is away",
        "sluice.net.mqtt",
        "        if self._state != _OPEN or self._next != self._held or",
        "        if self._next != self._held or",
        0,
    ),
    Defect(
        "a Retry-After is forgotten",
        "sluice.net.http",
        "        if seconds:\n            self._retry.wait(1000 * seconds)\n        else:\n"
        "            self._retry.failed()\n",
        "        self._retry.succeeded()\n",
        50,
    ),
    Defect(
        "the tuner is not told of what was put off",
        "sluice.net.http",
        "    def _put_off(self, seconds):\n        self._count_missed()\n",
        "    def _put_off(self, seconds):\n",
        50,
    ),
    Defect(
        "what the server will never take counts as taken",
        "sluice.net.http",
        "            self._verdict = -1 - n\n",
        "            self._verdict = n\n",
        140,
    ),
    Defect(
        "half a request goes on in the next connection",
        "sluice.net.http",
        "            self._state = _ASKED\n            self._at = 0\n",
        "            self._state = _ASKED\n",
        110,
    ),
    Defect(
        "a server that says nothing is waited for",
        "sluice.net.sink",
        "        if self._state != BROKEN:\n            self._judge()\n",
        "        if self._state < BROKEN:\n            self._judge()\n",
    ),
    # Frames.
    Defect(
        "the board does not look at a frame's checksum",
        "sluice.link.frames",
        "if crc16(frame, 1, n) == frame[n] | frame[n + 1] << 8:",
        "if n:",
        86,
    ),
    Defect(
        "the host does not look at a frame's checksum",
        "sluice_tools.serial.frames",
        'crc == crc_hqx(content, 0xFFFF).to_bytes(2, "little")',
        "crc",
        124,
    ),
    Defect(
        "a frame without an end swallows the next ones",
        "sluice.link.frames",
        "        self._in_frame = False\n        self._fill = 0\n        stop",
        "        stop",
    ),
    # The board's program.
    Defect(
        "a board that has nothing to do makes no progress",
        "sluice.program.program",
        "return moved or self.pipeline.wait_ticks() != 0",
        "return moved",
        58,
    ),
    Defect(
        "a new limit passes the watermark",
        "sluice.queue.limits",
        "        self.user = n\n        self._settle()\n",
        "        self.user = self._ring.limit = n\n",
        175,
    ),
    Defect(
        "a lifted watermark leaves its limit",
        "sluice.queue.limits",
        "limit if limit > 1 else 1",
        "min(self._ring.limit, limit if limit > 1 else 1)",
        18,
    ),
    Defect(
        "a watermark is the limit in ms, as it was once",
        "sluice.program.watermark",
        "    n = WHOLE * half_ms // (half_ms + watermark_ms)\n",
        "    n = WHOLE * watermark_ms // 1000 if watermark_ms else WHOLE\n",
        11,
    ),
    Defect(
        "a watermark slows the queue and not the bucket",
        "sluice.program.controls",
        "            self.bucket.throttle(now)\n",
        "",
        41,
    ),
    Defect(
        "a new rate is not throttled",
        "sluice.limit.tunable",
        "        if self.part != WHOLE:\n            self._grant(self.part)\n",
        "",
    ),
    Defect(
        "a rolled back change stays in force",
        "sluice.program.settings",
        "        self._adopt(self._before, changed)\n        self._config = self._before\n",
        "        self._config = self._before\n",
    ),
    Defect(
        "a change is confirmed and not made",
        "sluice.program.settings",
        "        if changed:\n            self._adopt(config, changed)\n        if keeps:",
        "        if keeps:",
        175,
    ),
    Defect(
        "a request that is sent again is another one",
        "sluice.program.settings",
        "            if not self._audit.knows(request):\n",
        "            if request:\n",
    ),
    Defect(
        "an extra has no end",
        "sluice.program.share",
        "        if self.extra and _ticks_diff(self._until, now) <= 0:\n",
        "        if self.extra and _ticks_diff(self._until, now) <= -5000:\n",
    ),
    Defect(
        "an older grant replaces a newer one",
        "sluice.program.share",
        "        if number <= self.number or ",
        "        if ",
    ),
    Defect(
        "a watermark is reported and not in force",
        "sluice.program.member",
        "            self._set_watermark(self.watermark_ms)\n",
        "",
        10,
    ),
    # The bucket.
    Defect(
        "several tokens cost as much as one",
        "sluice.limit.bucket",
        "        self.debt = debt + n * den\n",
        "        self.debt = debt + den\n",
        104,
    ),
    # The host's session.
    Defect(
        "nothing goes out again after a gap",
        "sluice_tools.serial.window",
        "        self._resend_from = number\n        self._gap_at",
        "        self._gap_at",
        17,
    ),
    Defect(
        "a late acknowledgement is taken for a new one",
        "sluice_tools.serial.session",
        "        if until < window.first:\n            return []  # late\n",
        "",
        57,
    ),
    Defect(
        "a delivery that came twice counts twice",
        "sluice_tools.serial.ledger",
        "        if record.returned:\n            self.delivered_again += 1\n",
        "        if record.returned and number < 0:\n            self.delivered_again += 1\n",
        54,
    ),
    Defect(
        "it is forgotten that the sink did not take a record",
        "sluice_tools.serial.ledger",
        "                record.not_taken = how\n",
        "",
        3,
    ),
    Defect(
        "the board is told that it may forget what has not come",
        "sluice_tools.serial.session",
        "            self.first_seq,\n            self.confirmed_seq,\n",
        "            self.first_seq,\n            self.next_seq,\n",
        138,
    ),
    Defect(
        "a delivery counts as come when a later one has",
        "sluice_tools.serial.ledger",
        "return record is not None and record.returned",
        "return record is not None and (record.returned or self._newest > number)",
        39,
    ),
    Defect(
        "deliveries after a reset are compared with those before",
        "sluice_tools.serial.ledger",
        "            and last.boot == record.boot\n",
        "",
    ),
    Defect(
        "a hello's timeout never grows",
        "sluice_tools.serial.roundtrip",
        "        if self.timeout_s < MOST_S:\n            self._doubled += 1\n",
        "        pass\n",
    ),
    Defect(
        "a hello that was late is no measure of the line",
        "sluice_tools.serial.session",
        "                    self._measured(late_s, now)\n",
        "",
    ),
    Defect(
        "an answer to the feed before ends this one",
        "sluice_tools.serial.session",
        "            if self._settled_at <= now:\n                raise self._lose(_ANOTHER)\n"
        "            self._suspect(now)\n",
        "            raise self._lose(_ANOTHER)\n",
    ),
    Defect(
        "more records are under way than the board has room for",
        "sluice_tools.serial.window",
        "return max(0, self.allowed - len(self.records))",
        "return max(0, self.allowed + 1 - len(self.records))",
        2,
    ),
    # Feed and bookmark.
    Defect(
        "a feed that has nothing to send gives up the board",
        "sluice_tools.board.feed.feed",
        "        if answered and self._session.deadline == _NEVER:\n",
        "        if not answered and self._session.deadline == _NEVER:\n",
        39,
    ),
    Defect(
        "a feed that was suspended gives up the board",
        "sluice_tools.board.feed.feed",
        "        self._heard_at = now\n\n    def over",
        "        pass\n\n    def over",
    ),
    Defect(
        "a bookmark is a record ahead",
        "sluice_tools.board.feed.bookmark",
        "        self.acknowledged += records\n",
        "        self.acknowledged += records + (self.acknowledged == 0 < records)\n",
        107,
    ),
    Defect(
        "what an old line left unfinished is part of the new one",
        "sluice_tools.board.feed.feed",
        "            self._reader = LineReader()\n        self._connected",
        "        self._connected",
    ),
    # Records on flash.
    Defect(
        "a record on flash is acknowledged again when it is taken",
        "sluice.queue.tiered",
        "        if told < n:\n",
        "        told = 0\n        if told < n:\n",
        15,
    ),
    Defect(
        "what is taken behind a record on flash is not acknowledged",
        "sluice.queue.tiered",
        "            self._safe = number\n",
        "            pass\n",
        5,
    ),
    Defect(
        "a sink that holds gives all of them the number of the first",
        "sluice.program.spill",
        "self._tiers.number(self._holding.ahead)",
        "self._tiers.number()",
        55,
    ),
    Defect(
        "after a reset what came before is behind what comes",
        "sluice.queue.tiered",
        "        self._spilled = store.used() > 0\n",
        "        self._spilled = False\n",
        15,
    ),
    Defect(
        "numbers of direct records are those of records on flash",
        "sluice.queue.tiered",
        "            self.store.set_number(self.number())\n",
        "",
        15,
    ),
    # The line over TCP.
    Defect(
        "messages are not counted",
        "sluice.net.messages",
        "        self._received = self._counted(self._received)\n        self._heard_at",
        "        self._heard_at",
        3,
    ),
    Defect(
        "a long piece of what is gathered is a byte shorter",
        "sluice.net.messages",
        "        self._gathered += n\n        return n\n",
        "        self._gathered += n - (n > 100)\n        return n\n",
        43,
    ),
    Defect(
        "a client that is lost has the line still",
        "sluice.program.tcp_line",
        "        client, self._client = self._client, None\n",
        "        client = self._client\n",
        13,
    ),
]
