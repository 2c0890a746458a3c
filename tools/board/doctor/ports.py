"""The serial ports of this machine, who may use them and who does."""

import os
from pathlib import Path

from serial.tools import list_ports

try:
    import grp
except ImportError:  # Windows, where nobody needs a group for a port
    grp = None

_PROCESSES = Path("/proc")


def boards_ports() -> list[str]:
    """The ports that a board may be on: those of USB devices."""
    return sorted(port.device for port in list_ports.comports() if port.vid is not None)


def holders(port: str) -> list[str]:
    """The programs that have the port open, as far as this user may see them: `name (pid)`.

    Without those at the other end of a pty: they are the board.
    """
    device = os.path.realpath(port)
    found = []
    for process in _PROCESSES.glob("[0-9]*"):
        try:
            links = {fd.name: os.readlink(fd) for fd in (process / "fd").iterdir()}
            if device not in links.values() or int(process.name) == os.getpid():
                continue
            ends = [fd for fd, link in links.items() if link.endswith("/ptmx")]
            if device not in [_other_end(process / "fdinfo" / fd) for fd in ends]:
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:
            continue  # it has ended, or is another user's
    return sorted(found)


def _other_end(fdinfo: Path) -> str:
    """The pty whose other end that open file is."""
    return "/dev/pts/" + fdinfo.read_text().partition("tty-index:")[2].strip()


def how_to_get_permission(port: str) -> str:
    """What lets this user read and write the port."""
    try:
        facts = os.stat(port)
        group = grp.getgrgid(facts.st_gid).gr_name if grp else None
    except (KeyError, OSError):
        return "let your user read and write it"
    if group and facts.st_gid != 0 and facts.st_mode & 0o060 == 0o060:
        return f"sudo usermod -aG {group} $USER, then log out and in again"
    return f"sudo chmod a+rw {port}, or a udev rule that does so for good"
