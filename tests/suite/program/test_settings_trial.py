"""A change on trial: it goes back when it made things worse, and stays when it did not."""

from desk import Desk

FIGURES = "event=trial result=%s errors_before_pct=%s errors_pct=%s p95_before_ms=%d p95_ms=%d"
BEGUN = "event=on_trial key=rate old=500 new=200 who=anna up_s=1"


def on_trial(pairs=b"rate=200 trial_s=3", **before):
    """A desk after a second of 100 events, with the change on trial."""
    desk = Desk()
    desk.second(**dict({"admitted": 100}, **before))
    answer = desk.ask(b"who=anna " + pairs)[0]
    assert answer[4] == 3
    assert BEGUN in desk.said()
    return desk


def test_it_stays_when_its_window_ends_well():
    desk = on_trial()
    assert desk.second(admitted=95, failed=5) == desk.second(admitted=95, failed=5) == []
    assert desk.second(admitted=95, failed=5, sojourn=15) == [
        FIGURES % ("kept", "0.00", "5.00", 10, 15),
        "event=kept key=rate old=500 new=200 who=anna up_s=4",
    ]
    assert desk.bucket.rate == 200
    assert desk.second(failed=100) == []
    assert desk.entry(1)[10:] == b"event=kept key=rate old=500 new=200 who=anna up_s=4"


def test_it_goes_back_when_errors_grow():
    desk = on_trial()
    assert desk.second(admitted=10) == []
    assert desk.second(admitted=8, failed=1) == [
        FIGURES % ("rolled_back", "0.00", "5.26", 10, 10),
        "event=rolled_back key=rate old=200 new=500 who=anna up_s=3",
    ]
    assert desk.bucket.rate == 500
    assert desk.entry(1)[10:] == b"event=rolled_back key=rate old=200 new=500 who=anna up_s=3"
    assert desk.second(failed=100) == []


def test_errors_as_many_as_before_are_no_reason():
    desk = on_trial(admitted=50, failed=50)
    assert desk.second(admitted=45, failed=55) == []
    assert desk.second(admitted=44, failed=56)[0].startswith("event=trial result=rolled_back")


def test_errors_before_the_last_interval_do_not_count():
    desk = Desk()
    desk.second(failed=100)
    desk.second(admitted=100)
    desk.ask(b"who=anna rate=200 trial_s=3")
    desk.said()
    assert desk.second(admitted=9, failed=1)[0] == FIGURES % (
        "rolled_back",
        "0.00",
        "10.00",
        10,
        10,
    )


def test_errors_of_the_interval_before_the_change_came_do_not_count():
    desk = Desk()
    desk.second(admitted=100)
    for _ in range(100):
        desk.stats.fail()
    desk.ask(b"who=anna rate=200 trial_s=2")
    desk.said()
    assert desk.second(admitted=100) == []
    assert desk.second()[0] == FIGURES % ("kept", "0.00", "0.00", 10, -1)
    assert desk.bucket.rate == 200


def test_it_goes_back_when_p95_grows():
    desk = on_trial(sojourn=100)
    assert desk.second(admitted=20, sojourn=135) == []
    assert desk.second(admitted=20, sojourn=190) == [
        FIGURES % ("rolled_back", "0.00", "0.00", 99, 183),
        "event=rolled_back key=rate old=200 new=500 who=anna up_s=3",
    ]


def test_a_few_ms_more_are_no_reason():
    desk = on_trial(sojourn=1)
    assert desk.second(admitted=20, sojourn=15) == []
    assert desk.second(admitted=20, sojourn=30)[0].startswith("event=trial result=rolled_back")


def test_without_a_p95_before_it_is_not_compared():
    desk = on_trial(admitted=0)
    assert desk.second(admitted=20, sojourn=9000) == []
    desk.second(admitted=20, sojourn=9000)
    assert desk.second()[0] == FIGURES % ("kept", "0.00", "0.00", -1, -1)


def test_the_thresholds_of_the_same_request_count():
    desk = on_trial(b"rate=200 trial_s=3 trial_errors_pct=50 trial_p95_pct=1000")
    assert desk.second(admitted=10, failed=10, sojourn=100) == []
    said = desk.second(failed=1)
    assert said[0].startswith("event=trial result=rolled_back errors_before_pct=0.00")
    assert len(said) == 1 + 3
    assert desk.ask(b"who=anna")[0].endswith(b"trial_errors_pct=5 trial_p95_pct=50")


def test_all_keys_of_a_request_go_back_together():
    desk = on_trial(b"limit=2 per_ms=2000 burst=3 rate=200 trial_s=3")
    desk.second(failed=1)
    assert desk.in_force() == (500, 1000, 10, 8)


def test_another_change_ends_the_trial():
    desk = on_trial()
    desk.second(admitted=10)
    assert desk.ask(b"who=bob burst=3", 8)[0][4] == 0
    said = desk.said()
    assert said[0].startswith("event=trial result=superseded ")
    assert said[1:] == [
        "event=superseded key=rate old=500 new=200 who=anna up_s=2",
        "event=changed key=burst old=10 new=3 who=bob up_s=2",
    ]
    assert desk.second(failed=100) == []
    assert desk.in_force() == (200, 1000, 3, 8)


def test_a_refused_one_does_not():
    desk = on_trial()
    desk.ask(b"who=bob burst=0", 8)
    assert desk.ask(b"who=anna rate=200 trial_s=3", 7)[0][4] == 3
    desk.second(admitted=10)
    assert desk.ask(b"who=anna rate=200 trial_s=3", 7)[0][4] == 2
    assert desk.second(failed=100)[0].startswith("event=trial result=rolled_back")
    number, rate = 7, b"rate=500"
    answer = desk.ask(b"who=anna rate=200 trial_s=3", number)[0]
    assert answer[4] == 0 and rate in answer


def test_the_next_trial_is_compared_with_the_interval_before_it():
    desk = on_trial()
    desk.second(failed=100)
    desk.second(admitted=50, failed=50)
    desk.ask(b"who=anna rate=300 trial_s=1", 8)
    desk.said()
    assert desk.second(admitted=50, failed=50)[0] == FIGURES % ("kept", "50.00", "50.00", 10, 10)


def test_a_trial_lasts_an_interval_of_the_statistics_at_least():
    desk = Desk(stats_ms=2500)
    refusal = desk.ask(b"who=anna rate=200 trial_s=2")[0]
    assert refusal[4:] == b"trial_s\n2\nfrom 3 (stats_ms) to 3600 seconds"


def test_counts_near_their_ends_make_no_large_integers():
    desk = Desk()
    desk.stats.admitted = 0x3FFFFFFF
    desk.stats.failed = 0x3FFFFFF0
    desk.settings.judge_trial()
    assert desk.ask(b"who=anna rate=200 trial_s=3")[0][4] == 3
    desk.said()
    assert desk.second(failed=20) == [
        FIGURES % ("rolled_back", "50.00", "100.00", -1, -1),
        "event=rolled_back key=rate old=200 new=500 who=anna up_s=1",
    ]
