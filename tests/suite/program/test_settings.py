"""Changes of the configuration while the program runs, byte by byte as docs/link.md has them."""

from desk import Desk

IN_FORCE = b"trial_errors_pct=5 trial_p95_pct=50"


def values(answers):
    """(number, seconds left of the trial, values in force) of a whole confirmation."""
    pairs = {}
    for content in answers:
        assert content[0] == 0x94
        for pair in content[7:].decode().split(" "):
            key, value = pair.split("=")
            pairs[key] = value
        assert content[:7] == answers[0][:7]
    assert len(pairs) == answers[0][6]
    head = answers[0]
    return head[1], head[4] | head[5] << 8, pairs


def test_a_change_is_in_force_and_confirmed_with_all_values():
    desk = Desk()
    assert desk.ask(b"who=anna rate=200 burst=20") == [
        b"\x94\x07\0\0\0\0\x06limit=none rate=200 per_ms=1000 burst=20 " + IN_FORCE
    ]
    assert desk.in_force() == (200, 1000, 20, 8)
    assert desk.said() == [
        "event=changed key=rate old=500 new=200 who=anna up_s=0",
        "event=changed key=burst old=10 new=20 who=anna up_s=0",
    ]


class WideDesk(Desk):
    more = ("tries", "stats_ms")


def test_values_that_do_not_fit_into_one_frame_come_in_two():
    assert WideDesk().ask(b"who=anna tries=9") == [
        b"\x94\x07\0\0\0\0\x08limit=none rate=500 per_ms=1000 burst=10 tries=9 stats_ms=1000",
        b"\x94\x07\0\0\0\0\x08trial_errors_pct=5 trial_p95_pct=50",
    ]


class GainDesk(Desk):
    more = ("kp", "calm")


def test_lists_are_integers_with_commas():
    desk = GainDesk()
    for pairs in (b"kp=3", b"kp=3,0", b"kp=3,", b"kp=,", b"kp=3,4,5", b"kp=a,b"):
        key, _, allowed = refusal(desk.ask(b"who=anna " + pairs))
        assert (key, allowed) == ("kp", "integers in a list [0 to 65535, 1 to 65535]")
    _, _, pairs = values(desk.ask(b"who=anna kp=3,8 calm=none"))
    assert (pairs["kp"], pairs["calm"]) == ("3,8", "none")
    _, _, pairs = values(desk.ask(b"who=anna calm=250,90,-100", 8))
    assert pairs["calm"] == "250,90,-100"
    assert desk.said() == [
        "event=changed key=kp old=0,1 new=3,8 who=anna up_s=0",
        "event=changed key=calm old=300,100,-125 new=none who=anna up_s=0",
        "event=changed key=calm old=none new=250,90,-100 who=anna up_s=0",
    ]
    assert desk.entry(0)[10:] == b"event=changed key=kp old=0,1 new=3,8 who=anna up_s=0"


def test_nothing_to_change_asks_for_the_values_and_is_no_entry():
    desk = Desk(rate=None)
    _, trial_s, pairs = values(desk.ask(b"who=anna trial_s=30 limit=none"))
    assert (trial_s, pairs["rate"], pairs["limit"]) == (0, "none", "none")
    assert desk.said() == []
    assert desk.entry(0) == b"\x96\0\0\0\0\0\0\0\0\0"


def test_none_lifts_the_rate_and_the_limit():
    desk = Desk(limit=3)
    desk.ask(b"who=anna rate=none limit=none")
    assert desk.in_force() == (None, 1000, 10, 8)
    assert desk.said()[1] == "event=changed key=rate old=500 new=none who=anna up_s=0"


def test_what_was_earned_and_what_waits_stays():
    desk = Desk()
    desk.bucket.try_acquire(4)
    for item in range(5):
        desk.ring.try_put(item)
    desk.ask(b"who=anna rate=7 burst=8 limit=2")
    assert (desk.bucket.tokens(), len(desk.ring), desk.ring.try_put(9)) == (6, 5, False)


def test_values_far_from_those_in_force_are_reached():
    desk = Desk(rate=1, per_ms=86400000, burst=5)
    desk.ask(b"who=anna rate=1000000 per_ms=1 burst=1000")
    assert desk.in_force() == (1000000, 1, 1000, 8)
    desk.ask(b"who=anna rate=1 per_ms=86400000 burst=5", 8)
    assert desk.in_force() == (1, 86400000, 5, 8)


def refusal(answers):
    assert len(answers) == 1 and answers[0][:4] == b"\x95\x07\0\0"
    return answers[0][4:].decode().split("\n")


def test_a_refusal_says_key_value_and_what_is_allowed_and_changes_nothing():
    desk = Desk()
    for pairs, key, value, allowed in (
        (b"rate=-5", "rate", "-5", "an integer from 0 to 1073741823 or null"),
        (b"burst=3 rate=fast", "rate", '"fast"', "an integer from 0 to 1073741823 or null"),
        (b"rate=99999999999999999999", "rate", "99999999999999999999", "an integer from 0"),
        (b"burst=none", "burst", "null", "an integer from 1"),
        (b"limit=9", "limit", "9", "slots (8) or less"),
        (b"rate=1 per_ms=86400000 burst=1000", "burst", "1000", "burst must be from 1 to"),
        (b"slots=9", "slots", "9", "one of the keys that change while it runs: limit rate per_ms"),
        (b"trial_s=0 burst", "request", '"burst"', "key=value"),
        (b"burst=3  rate=2", "request", '""', "key=value"),
        (b"burst=3 burst=4", "request", '"burst=4"', "each key once"),
        (b"burst=3\n", "request", "10", "characters from 32 to 126"),
        (b"rate=2 trial_s=3601", "trial_s", "3601", "from 1 (stats_ms) to 3600 seconds"),
        (b"rate=2 trial_s=soon", "trial_s", '"soon"', "from 1 (stats_ms) to 3600 seconds"),
        (b"rate=2 trial_s=5 keep=1", "keep", "1", "0 when a change is on trial"),
        (b"rate=2 keep=2", "keep", "2", "0 or 1"),
    ):
        said = refusal(desk.ask(b"who=anna " + pairs))
        assert (said[0], said[1]) == (key, value)
        assert said[2].startswith(allowed) or allowed in said[2]
    for who in (b"rate=2", b"who=12345678901234567 rate=2", b"who=7 rate=2"):
        assert refusal(desk.ask(who))[0] == "who"
    assert desk.in_force() == (500, 1000, 10, 8)
    assert desk.said() == []


def test_what_cannot_be_brought_in_force_is_undone():
    desk = Desk()
    desk.refuses = "the bucket is in debt"
    assert refusal(desk.ask(b"who=anna rate=2 limit=3")) == ["rate", "2", "the bucket is in debt"]
    assert desk.said() == []
    assert desk.in_force() == (500, 1000, 10, 8)
    assert values(desk.ask(b"who=anna"))[2]["limit"] == "none"


def test_a_repeated_request_is_answered_and_not_applied_again():
    desk = Desk()
    desk.ask(b"who=anna rate=200", 7)
    desk.ask(b"who=bob rate=300", 8)
    desk.said()
    number, _, pairs = values(desk.ask(b"who=anna rate=200", 7))
    assert (number, pairs["rate"], desk.bucket.rate) == (7, "300", 300)
    assert desk.said() == []


def test_frames_of_other_kinds_and_lengths_are_not_known():
    desk = Desk()
    for content in (b"\x81", b"\x83", b"\x83\x07\0\0", b"\x83\0\0\0who=anna", b"\x85\0\0", b"\x94"):
        assert desk.hear(content) == (False, [])


def test_the_audit_log_is_read_entry_by_entry():
    desk = Desk()
    desk.ask(b"who=anna rate=200 limit=4", 7)
    desk.second()
    desk.ask(b"who=bob rate=none", 8)
    limit = b"event=changed key=limit old=none new=4 who=anna up_s=0"
    assert desk.entry(0) == b"\x96\0\0\0\0\0\0\x03\0\0" + limit
    assert desk.entry(1)[10:] == b"event=changed key=rate old=500 new=200 who=anna up_s=0"
    assert desk.entry(2)[10:] == b"event=changed key=rate old=200 new=none who=bob up_s=1"
    assert desk.entry(3) == b"\x96\x03\0\0\0\0\0\x03\0\0" + limit
    assert desk.entry(0xFFFFFF) == b"\x96\xff\xff\xff\0\0\0\x03\0\0" + limit


def test_it_keeps_the_last_64():
    desk = Desk()
    for n in range(100):
        desk.ask(b"who=anna rate=%d" % (1000 + n), n + 1)
    answer = desk.entry(35)
    assert answer[:10] == b"\x96\x23\0\0\x24\0\0\x64\0\0"
    assert answer[10:] == b"event=changed key=rate old=1035 new=1036 who=anna up_s=0"
    assert desk.entry(99)[10:] == b"event=changed key=rate old=1098 new=1099 who=anna up_s=0"
