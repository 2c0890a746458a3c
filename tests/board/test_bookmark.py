"""How far a feed has come, from one feed to the next."""

from contextlib import closing

import pytest

from sluice_tools.board.feed.bookmark import Bookmark
from sluice_tools.errors import UserError


def test_what_was_acknowledged_is_there_for_the_next_feed(tmp_path):
    path = tmp_path / "bookmark"
    with closing(Bookmark(str(path))) as first:
        assert (first.base, first.acknowledged) == (None, 0)
        first.begin(7)
        for records in (1, 10, 100_000):
            first.add(records)
    with closing(Bookmark(str(path))) as second:
        assert (second.base, second.acknowledged) == (7, 100_011)
        second.add(1)
    assert path.read_bytes() == b"sluice feed: base=00000007 acknowledged=000000100012\n"


@pytest.mark.parametrize(
    "content",
    [
        b"time,name\n",
        b"sluice feed: base=00000007 acknowledged=000000100012\nx",
        b"sluice feed: base=16777216 acknowledged=000000000000\n",
    ],
)
def test_another_file_is_left_alone(tmp_path, content):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match="log.csv: not the bookmark of a feed"):
        Bookmark(str(path))
    assert path.read_bytes() == content


def test_a_place_where_it_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match="none/bookmark: No such file or directory"):
        Bookmark(str(tmp_path / "none" / "bookmark"))


def test_another_log_is_known_by_its_first_record(tmp_path):
    path = tmp_path / "bookmark"
    with closing(Bookmark(str(path))) as first:
        first.begin(7)
        first.check_first(b"one")
        first.add(3)
    with closing(Bookmark(str(path))) as second:
        second.check_first(b"one")
        second.check_records(3)
        with pytest.raises(UserError, match="bookmark of another log, whose first record"):
            second.check_first(b"two")
        with pytest.raises(UserError, match="3 records were acknowledged and this log has 2"):
            second.check_records(2)


def test_the_bookmark_of_an_older_sluice_knows_only_the_number(tmp_path):
    path = tmp_path / "bookmark"
    path.write_bytes(b"sluice feed: base=00000007 acknowledged=000000000003\n")
    with closing(Bookmark(str(path))) as bookmark:
        bookmark.check_first(b"any")
        assert (bookmark.base, bookmark.acknowledged) == (7, 3)
    with closing(Bookmark(str(path))) as bookmark, pytest.raises(UserError, match="another log"):
        bookmark.check_first(b"two")
