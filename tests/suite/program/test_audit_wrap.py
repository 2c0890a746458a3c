"""The audit log when its index starts from 0 again."""

from line import Line

from sluice.link.logline import LogLine
from sluice.program.audit import CHANGED, ROLLED_BACK, AuditLog


def test_the_index_wraps_at_2_to_the_24():
    audit = AuditLog()
    audit.end = 0xFFFFF0
    for n in range(100):
        audit.add(ROLLED_BACK if n == 36 else CHANGED, 1 + n, b"rate", n, None, b"a" * (n % 17), n)
    assert audit.end == 84
    assert (audit.nearest(0), audit.nearest(83), audit.nearest(84)) == (20 + 0, 83, 20)
    assert (audit.nearest(19), audit.nearest(0xFFFFFF)) == (20, 20)
    assert (audit.knows(36), audit.knows(37), audit.knows(100)) == (False, True, True)
    line, log = Line(), LogLine(200)
    audit.describe(20, log)
    log.write(line)
    assert line.sent == b"event=rolled_back key=rate old=36 new=none who=aa up_s=36\r\n"
