"""The ring queue's typecodes, and its wrong arguments, which are named."""

from sluice.queue.ring import RingQueue

SMALL_MAX = 0x3FFFFFFF


def test_typecodes_hold_their_ends():
    for typecode, low, high in (
        ("b", -128, 127),
        ("B", 0, 255),
        ("h", -32768, 32767),
        ("H", 0, 65535),
        ("i", -SMALL_MAX - 1, SMALL_MAX),
        ("l", -SMALL_MAX - 1, SMALL_MAX),
    ):
        queue = RingQueue(2, typecode)
        assert (queue.try_put(low), queue.try_put(high)) == (True, True)
        assert (queue.try_get(), queue.try_get()) == (low, high)


def test_without_a_typecode_it_holds_any_object():
    queue = RingQueue(4)
    for item in (None, "text", (1, 2), queue):
        assert queue.try_put(item) is True
    for item in (None, "text", (1, 2), queue):
        assert queue.try_get("empty") is item or item == (1, 2)


def test_wrong_arguments_are_named():
    for arguments, error, words in (
        ((0,), ValueError, "capacity must be from 1 to 536870911, not 0"),
        ((1 << 29,), ValueError, "capacity must be from 1 to 536870911, not 536870912"),
        (("8",), TypeError, "capacity must be an int from 1 to 536870911, not '8'"),
        ((8, None, 2), ValueError, "overflow must be REJECT or OVERWRITE, not 2"),
    ):
        try:
            RingQueue(*arguments)
            said = None, ""
        except (TypeError, ValueError) as refusal:
            said = type(refusal), str(refusal)
        assert said == (error, words)


def test_a_wrong_typecode_is_named():
    for typecode in ("f", "bB", "", 5):
        try:
            RingQueue(8, typecode)
            said = ""
        except ValueError as refusal:
            said = str(refusal)
        assert said == "typecode must be one of b B h H i l, or None, not " + repr(typecode)


def test_a_wrong_limit_is_named_and_changes_nothing():
    queue = RingQueue(4)
    for limit in (0, 5, -1, 1.0, None):
        try:
            queue.set_limit(limit)
            said = ""
        except (TypeError, ValueError) as refusal:
            said = str(refusal)
        assert said[:14] == "limit must be "
        assert said.split("from")[1] == " 1 to 4, not " + repr(limit)
        assert queue.limit == 4
