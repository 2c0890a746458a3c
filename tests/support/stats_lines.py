"""Statistics lines for tests of the console."""

from sluice_tools.serial.logfmt import Stats, read_stats

VALUES = {
    "up_s": "12",
    "qps": "498",
    "mean_qps": "497.12",
    "admitted": "5970",
    "denied": "5800",
    "load": "0.42",
    "longest_turn_us": "2150",
    "depth": "31",
    "limit": "48",
    "high_water": "63",
    "capacity": "64",
    "tokens": "7",
    "rate": "500",
    "per_ms": "1000",
    "burst": "10",
    "cost": "record",
    "rejected": "0",
    "overwritten": "0",
    "failed": "0",
    "shed": "0",
    "retried": "2",
    "bad_frames": "0",
    "strays": "0",
    "duplicates": "3",
    "repeated": "4",
    "watermark_ms": "0",
    "part": "1024",
    "backlog_bytes": "1984",
    "lag_ms": "62",
    "sink_ms": "3",
    "config_errors": "0",
    "sojourns": "1,2,0,4,0,0,0,0,0,0,0,0,0,5,900",
    "p50_ms": "61",
    "p95_ms": "64",
    "p99_ms": "66",
}

STORED = {"stored": 7, "kept": 120, "kept_bytes": 9600, "store_errors": 2, "store_lost": 1}
"""What a board with a `store` says besides."""


def stats_line(**changes: object) -> str:
    """A line as the board prints it, with some values changed; None takes the key out."""
    values = VALUES | {key: str(value) for key, value in changes.items()}
    pairs = (f"{key}={value}" for key, value in values.items() if value != "None")
    return " ".join(("event=stats", *pairs))


def stats(**changes: object) -> Stats:
    sample = read_stats(stats_line(**changes))
    assert sample is not None
    return sample
