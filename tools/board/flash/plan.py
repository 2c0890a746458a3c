"""What has to move so that a board has the files it should have. Nothing here talks to a board."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .release import FOLDER


class Content(NamedTuple):
    """What a file holds: its size in bytes and the SHA-256 of it, in hex."""

    size: int
    digest: str

    @classmethod
    def of(cls, data: bytes) -> "Content":
        return cls(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class Plan:
    """Paths on the board: sent from here, copied there (path: its source), or kept."""

    sent: list[str]
    copied: dict[str, str]
    kept: list[str]

    @property
    def changes(self) -> bool:
        return bool(self.sent or self.copied)


def plan(wanted: Mapping[str, Content], there: Mapping[str, Content]) -> Plan:
    """The least that must move: only what no file on the board holds is sent."""
    sources = {content: path for path, content in there.items()}
    result = Plan([], {}, [])
    for path, content in wanted.items():
        if there.get(path) == content:
            result.kept.append(path)
        elif content in sources:
            result.copied[path] = sources[content]
        else:
            result.sent.append(path)
    return result


def leftovers(
    there: Collection[str], wanted: Collection[str], folders: Collection[str]
) -> list[str]:
    """What flashes that were cut off left behind.

    Of `there`, files and folders: release folders other than `folders`, files half written,
    and in the folders of `wanted` whatever is not wanted.
    """
    own = {folder[0] for path in wanted if (folder := FOLDER.match(path))}
    needed = set(wanted) | {path.rpartition("/")[0] for path in wanted}
    found = set()
    for path in there:
        folder = FOLDER.match(path)
        if folder and folder[0] not in folders:
            found.add(folder[0])
        elif path.endswith(".new") or (folder and folder[0] in own and path not in needed):
            found.add(path)
    return sorted(found)


def bytes_needed(plan: Plan, wanted: Mapping[str, Content], block: int) -> int:
    """Room for all that is sent and copied, beside all that is there, in whole blocks.

    A folder takes two blocks, as in littlefs, and two more are its working room.
    """
    paths = [*plan.sent, *plan.copied]
    blocks = sum(max(1, -(-wanted[path].size // block)) for path in paths)
    folders = {path.rpartition("/")[0] for path in paths}
    return (blocks + 2 * len(folders) + 2) * block if paths else 0
