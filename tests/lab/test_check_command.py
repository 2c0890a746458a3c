"""`sluice check` on this project's firmware, and what it says."""

import json

import pytest
from click.testing import CliRunner
from planted_library import write

from sluice_tools.cli import main

BAD = '''
class Queue:
    def put(self, hook):
        """Put. Hot."""
        hook()
        return self._store() + self._drop()

    def _store(self):
        return 0.5

    def _drop(self):
        return b"%d" % 1
'''


def sluice(*arguments: object):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_the_firmware_keeps_the_contract():
    done = sluice()
    assert (done.exit_code, done.output.splitlines()[:-3]) == (0, [])


def test_the_firmware_in_figures():
    facts = json.loads(sluice("--json").output)
    assert facts["findings"] == []
    assert facts["reached"] == len(facts["frames"]) > facts["hot"] > 40
    assert facts["largest_frame"]["words"] == max(facts["frames"].values()) <= 11
    names = {"limit.bucket.TokenBucket.try_acquire", "queue.ring.Ring._claim"}
    assert names <= facts["frames"].keys()


def test_findings_as_lines(tmp_path, monkeypatch):
    write(tmp_path, queue=BAD)
    monkeypatch.chdir(tmp_path)
    done = sluice(tmp_path)
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "sluice/queue.py:9: 0.5 is a float, and its operations make new ones; "
        "in queue.Queue.put > queue.Queue._store",
        "sluice/queue.py:12: an operation on text makes a new one; "
        "in queue.Queue.put > queue.Queue._drop",
        "hot functions: 1, with all that they call: 3, findings: 2",
        "largest frame: 5 of 11 words, queue.Queue.put",
        "not followed, since callers hand it in: hook",
    ]


def test_findings_as_json(tmp_path, monkeypatch):
    write(tmp_path, queue=BAD)
    monkeypatch.chdir(tmp_path)
    done = sluice(tmp_path, "--json")
    assert done.exit_code == 1
    facts = json.loads(done.output)
    assert facts["not_followed"] == ["hook"]
    assert facts["findings"][0] == {
        "file": "sluice/queue.py",
        "line": 9,
        "what": "0.5 is a float, and its operations make new ones",
        "calls": ["queue.Queue.put", "queue.Queue._store"],
    }


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def put(): pass\n", "no function whose docstring says 'Hot.'"),
        ("def put(:\n", "does not compile"),
        ("def put():\n    '''Hot.'''\n    return yield\n", "does not compile"),
    ],
)
def test_what_cannot_be_checked_ends_in_one_line(tmp_path, source, says):
    done = sluice(write(tmp_path, queue=source))
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert says in done.output
    assert len(done.output.splitlines()) == 1


def test_a_folder_that_is_not_there(tmp_path):
    assert sluice(tmp_path / "nowhere").exit_code == 2
