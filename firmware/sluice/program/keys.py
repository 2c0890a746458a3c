# SPDX-License-Identifier: MIT
"""The keys of config.json, one a row: what may be said, and who acts on a change.

This file imports nothing, so that the host reads the rows without a board's twins: the tables of
docs/ and of the page are made from them (`make tables`).
"""

# A row: name, default, what is allowed, whether null is too, unit, and what adopts a new value
# while the program runs, which Settings and the program name; "": it is read at the start only.
# Allowed is a range (low, high), or words, or for a list a range for each of its integers, or, for
# text of ASCII that prints, how many characters at most. For the NAME of a word that ends in
# ":NAME" any text may stand: whether it names something shows later.
ROWS = (
    ("rate", 500, (0, 1073741823), True, "tokens", "bucket"),  # every per_ms; null: unlimited
    ("per_ms", 1000, (1, 86400000), False, "ms", "bucket"),
    ("burst", 10, (1, 1073741823), False, "tokens", "bucket"),
    # budget: the fleet's grants, and `rate` is the most
    ("rate_from", "config", ("config", "budget"), False, "", ""),
    ("cost", "record", ("record", "bytes"), False, "", ""),  # what a token stands for
    ("slots", 64, (1, 65535), False, "records", ""),
    ("slot_size", 64, (1, 241), False, "bytes", ""),  # of the longest record; see MAX_RECORD
    ("limit", None, (1, 65535), True, "records", "limit"),  # null: as many as there are slots
    ("overflow", "reject", ("reject", "overwrite"), False, "", ""),
    # behind the queue, on flash; null: none
    ("store", None, (1, 1073741823), True, "records", ""),
    ("store_folder", "/store", 64, False, "characters", ""),
    ("source", "link", ("link", "timer", "pin", "uart", "adc", "module:NAME"), False, "", ""),
    ("timer_ms", 100, (1, 3600000), False, "ms", ""),  # period of the sources "timer" and "adc"
    # uart: of a record; null: a line is one, or what stands between silences
    ("uart_length", None, (1, 241), True, "bytes", ""),
    ("uart_silence_ms", None, (1, 60000), True, "ms", ""),  # without a byte, which end a record
    ("sink", "link", ("link", "uart", "mqtt", "http", "null", "module:NAME"), False, "", ""),
    ("mqtt", None, 128, True, "characters", ""),  # where its broker is, and the topic
    ("http", None, 128, True, "characters", ""),  # the URL that it posts to
    ("listen", None, (1, 65535), True, "port", ""),  # at which the line can be taken over TCP
    ("tries", 5, (1, 1000), False, "attempts", ""),  # on the sink before a record is given up
    ("stats_ms", 1000, (100, 3600000), False, "ms", ""),
    # A loop that makes no progress for so long is ended by a reset; an RP2040's timer holds 8,388.
    ("watchdog_ms", None, (1000, 8388), True, "ms", ""),
    ("light_sleep_ms", None, (2, 60000), True, "ms", ""),  # the longest while nothing is to do
    # Spread the grants; how late the loop may be without losing rate.
    ("smooth_ms", None, (1, 60000), True, "ms", ""),
    # What adapts by itself, at the end of each stats_ms. The keys of a controller that is off
    # can be changed too; they wait until it is on.
    ("control", None, ("pid", "codel", "rate"), True, "", ""),
    # pid, codel: p95 in the queue; rate: mean time of an attempt on the sink
    ("target_ms", 200, (1, 3600000), False, "ms", "control"),
    # pid: gains as numerator and denominator
    ("kp", (0, 1), ((0, 65535), (1, 65535)), False, "", "control"),
    ("ki", (1, 4), ((0, 65535), (1, 65535)), False, "", "control"),
    ("kd", (0, 1), ((0, 65535), (1, 65535)), False, "", "control"),
    ("limit_floor", None, (1, 65535), True, "records", "control"),  # pid; null: slots / 8
    # pid: below this load in 1/1000 and this p95 in ms, change by 1/1000; rush: above both
    ("calm", (300, 100, -125), ((0, 1000), (0, 3600000), (-1000, 1000)), True, "", "control"),
    ("rush", (850, 300, 500), ((0, 1000), (0, 3600000), (-1000, 1000)), True, "", "control"),
    # codel: above the target for so long before it sheds
    ("interval_ms", 200, (1, 3600000), False, "ms", "control"),
    ("rate_low", 1, (1, 1073741823), False, "tokens", "control"),  # rate: the least it is cut to
    # rate: raised by so much in each stats_ms; null: a twentieth of the range
    ("rate_step", None, (1, 536870911), True, "tokens", "control"),
    ("rate_keep", (1, 2), ((0, 32767), (1, 32767)), False, "", "control"),  # what a cut leaves
    # The fleet's watermark, a pressure, at which the board works at half of its rate and limit.
    ("watermark_half_ms", 500, (1, 60000), False, "ms", "control"),
    # By how much errors and p95 may grow in a trial.
    ("trial_errors_pct", 5, (0, 100), False, "points", "trial"),
    ("trial_p95_pct", 50, (0, 1000), False, "%", "trial"),
)


def names(adopter):
    """The keys that this adopter brings in force, in the rows' order."""
    return tuple([row[0] for row in ROWS if row[5] == adopter])


def default(row):
    """The row's default as JSON would have it, which knows no tuples."""
    return list(row[1]) if isinstance(row[1], tuple) else row[1]


def fits(row, value) -> bool:
    """Whether the value alone is allowed."""
    allowed = row[2]
    if value is None:
        return row[3]
    if isinstance(allowed, int):
        if not isinstance(value, str) or not 0 < len(value) <= allowed:
            return False
        return all([32 <= ord(c) < 127 for c in value])
    if isinstance(allowed[0], str):
        if isinstance(value, str) and ":" in value:
            value = value.split(":")[0] + ":NAME"
        return value in allowed
    if isinstance(allowed[0], int):
        return is_int(value, allowed)
    if not isinstance(value, (list, tuple)) or len(value) != len(allowed):
        return False
    return all([is_int(value[i], allowed[i]) for i in range(len(allowed))])


def is_int(value, bounds) -> bool:
    """Whether the value is an integer within (low, high); True and False are none."""
    low, high = bounds
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def allowed(row):
    """What is allowed, in words: "an integer from 1 to 65535 or null"."""
    values = row[2]
    if isinstance(values, int):
        text = "1 to %d characters of ASCII" % values
    elif isinstance(values[0], str):
        text = " or ".join(values)
    elif isinstance(values[0], int):
        text = "an integer from %d to %d" % values
    else:
        text = "integers in a list [%s]" % ", ".join(["%d to %d" % each for each in values])
    return text + " or null" if row[3] else text
