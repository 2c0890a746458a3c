"""Numbers as people read them, in few columns."""

from datetime import timedelta

_LONGEST_UPTIME_S = 10**9


def short(number: float) -> str:
    """`number` in at most seven columns: in full below a million, then in M, G or T."""
    for unit, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if number >= unit:
            return f"{number / unit:.4g} {letter}"
    return f"{number:,.6g}"


def milliseconds(ms: int) -> str:
    """`ms` in at most nine columns: as seconds from ten seconds on."""
    return f"{ms:,} ms" if ms < 10_000 else f"{short(ms / 1000)} s"


def uptime(seconds: int) -> str:
    """`seconds` as 0:01:23, with the days before it where there are any."""
    return str(timedelta(seconds=min(seconds, _LONGEST_UPTIME_S)))
