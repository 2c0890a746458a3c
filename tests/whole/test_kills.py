"""A feed whose board or host is killed at random moments: nothing acknowledged is lost or doubled.

The sink is a UART, which keeps what it got over all resets. CI kills a few times, `make soak` a
hundred times each.
"""

import random
import re
import signal
import time
from contextlib import closing

import pytest
from feeding import PATIENCE_S, finish, start_feed
from flashed import flash

from sluice_tools.board.feed.bookmark import Bookmark
from sluice_tools.vboard import VirtualBoard

SEED = 9


class Trial:
    """A board with a sink that keeps all it gets, a long log, and a feed's bookmark."""

    def __init__(self, board, folder):
        self.board = board
        self.log = folder / "log.csv"
        with self.log.open("w") as log:
            log.write("time,name\n")
            log.writelines(f"{n / 1000},r{n:06}\n" for n in range(200_000))
        self._uart = folder / "uart1"
        self._bookmark = folder / "bookmark"
        self._chance = random.Random(SEED)
        self._marks = [(0, 0)]

    def start(self):
        bookmark = ["--resume", self._bookmark]
        return start_feed(self.board.url, self.log, "--asap", "--json", *bookmark)

    def acknowledged(self):
        if not self._bookmark.exists() or not self._bookmark.stat().st_size:
            return 0
        with closing(Bookmark(str(self._bookmark))) as bookmark:
            return bookmark.acknowledged

    def until_a_random_moment(self):
        """Soon after the feed has moved, or while it starts, or the board does."""
        if self._chance.random() < 0.7:
            self.until_it_moves()
        time.sleep(self._chance.uniform(0, 0.7))

    def until_it_moves(self):
        before, give_up_at = self.acknowledged(), time.monotonic() + PATIENCE_S
        while self.acknowledged() == before:
            assert time.monotonic() < give_up_at, "nothing is acknowledged any more"
            time.sleep(0.01)

    def written(self):
        """The numbers of the records that the UART got, in its order."""
        data = self._uart.read_bytes()
        assert re.fullmatch(rb"(?:[\d.]+,r\d{6})*", data)
        return [int(number) for number in re.findall(rb"r(\d{6})", data)]

    def mark(self):
        """After a kill: what is acknowledged now is at the sink, and must not come again."""
        acknowledged, written = self.acknowledged(), self.written()
        assert set(range(acknowledged)) <= set(written)
        self._marks.append((acknowledged, len(written)))

    def judge(self):
        """How many records the sink has, and how often one came again."""
        written = self.written()
        for acknowledged, at in self._marks:
            assert min(written[at:], default=acknowledged) >= acknowledged
        once = list(dict.fromkeys(written))
        assert once == list(range(len(once)))
        assert 0 < self.acknowledged() <= len(once)
        return len(once), len(written) - len(once)


@pytest.fixture
def trial(tmp_path):
    with VirtualBoard(tmp_path / "flash", uart1=tmp_path / "uart1") as board:
        flash(board, rate=300, sink="uart")
        yield Trial(board, tmp_path)


def stop(process):
    """Ends a feed as its user does; its account."""
    process.send_signal(signal.SIGINT)
    status, account, errors = finish(process)
    assert account, errors
    done = sum(account[key] for key in ("malformed", "resumed", "sent"))
    is_whole = account["read"] == done and account["under_way"] == 0
    assert (status, account["lost"]) == (0 if is_whole else 130, 0), errors
    return account


@pytest.mark.timeout(1500)
def test_the_host_is_killed(trial, long, figure):
    kills = 100 if long else 5
    for _ in range(kills):
        process = trial.start()
        trial.until_a_random_moment()
        process.kill()
        process.communicate()
        trial.mark()
    before = trial.acknowledged()
    process = trial.start()
    trial.until_it_moves()
    assert stop(process)["resumed"] == before
    count, again = trial.judge()
    figure(f"host killed {kills} times: {count:,} records at the sink, {again:,} came again")


@pytest.mark.timeout(1500)
def test_the_board_is_killed(trial, long, figure):
    kills = 100 if long else 5
    process = trial.start()
    for _ in range(kills):
        trial.until_a_random_moment()
        trial.board.reset()
        trial.mark()
    trial.until_it_moves()
    assert stop(process)["resets"] > 0
    count, again = trial.judge()
    figure(f"board reset {kills} times: {count:,} records at the sink, {again:,} came again")


@pytest.mark.timeout(1500)
def test_the_board_is_killed_while_records_come_back(trial, long, figure):
    kills = 100 if long else 5
    flash(trial.board, rate=300)
    process = trial.start()
    for _ in range(kills):
        trial.until_a_random_moment()
        trial.board.reset()
    trial.until_it_moves()
    account = stop(process)
    assert account["delivered"] >= trial.acknowledged() > 0
    assert (account["out_of_order"], account["counted"]) == (0, "delivered")
    figure(
        f"board reset {kills} times, sink link: {account['delivered']:,} records came back, "
        f"{account['delivered_again']:,} again"
    )
