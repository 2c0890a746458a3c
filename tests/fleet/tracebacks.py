"""What a service must not log, whatever others do."""


def check_no_traceback(log: str) -> None:
    """Fails with the lines of the log that have one."""
    found = [line for line in log.splitlines() if "raceback" in line]
    assert not found, "\n".join(found)
