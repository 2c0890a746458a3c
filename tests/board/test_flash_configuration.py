"""What `sluice flash --config` sends: what the board can read, or one line that says why not."""

import json

import pytest
from click.testing import CliRunner

from sluice_tools.board.flash import configuration
from sluice_tools.board.flash.command import flash
from sluice_tools.errors import UserError
from sluice_tools.itself import FIRMWARE

TEXT = '{"rate": 7,\r\n\t"sink": "null"}\n'


def sent(tmp_path, data, firmware=FIRMWARE):
    path = tmp_path / "mine.json"
    path.write_bytes(data)
    return configuration.read(path, firmware)


def test_a_plain_file_is_sent_as_it_is(tmp_path):
    assert sent(tmp_path, TEXT.encode()) == TEXT.encode()
    shipped = FIRMWARE / "config.json"
    assert configuration.read(shipped, FIRMWARE) == shipped.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_sent_in_ascii(tmp_path, encoding):
    assert sent(tmp_path, TEXT.encode(encoding)) == b'{"rate": 7, "sink": "null"}\n'


def test_another_firmwares_own_rows_count_or_none(tmp_path):
    (tmp_path / "sluice" / "program").mkdir(parents=True)
    assert sent(tmp_path, '{"größe": 1}'.encode(), tmp_path) == b'{"gr\\u00f6\\u00dfe": 1}\n'
    keys = tmp_path / configuration.KEYS
    keys.write_text("ROWS = (('a', 1),)\nallowed = str\ndef fits(row, value): return value == 2\n")
    assert sent(tmp_path, b'{"a": 2}', tmp_path) == b'{"a": 2}'
    with pytest.raises(UserError, match="rate"):
        sent(tmp_path, b'{"rate": 2}', tmp_path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"rate": NaN}', "not JSON: NaN is no number of JSON"),
        (b'{"rate": -Infinity}', "not JSON: -Infinity is no number"),
        (b'{"rate": 7', "not JSON: Expecting ',' delimiter"),
        (b'{"sink": "\xff"}', "not JSON: 'utf-8' codec can't decode"),
        (b'{"rate": 1' + b"0" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b'{"rate":' * 100_000, "nested too deeply"),
        (b"[]", "must be a JSON object"),
        (b"", "not JSON"),
        (b'{"rate": 7.0}', "rate is 7.0, allowed: an integer from 0 to 1073741823 or null"),
        (b'{"kp": [1]}', r"kp is \[1\], allowed: integers in a list \[0 to 65535, 1 to 65535\]"),
        (b'{"rats\\n": 7}', r'"rats\\n" is no key, allowed: burst calm'),
        ('{"sink": "n\u00fcll"}'.encode("utf-16"), r'sink is "n\\u00fcll", allowed: link or uart'),
    ],
)
def test_what_the_board_would_not_take_is_refused_in_one_line(tmp_path, data, reason):
    with pytest.raises(UserError, match=reason) as caught:
        sent(tmp_path, data)
    assert caught.value.message.isprintable() and len(caught.value.message) < 600


def test_the_command_refuses_before_it_opens_the_port(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"rate": NaN}')
    arguments = ["--board", "virtual", "--port", str(tmp_path / "none"), "--config", str(path)]
    result = CliRunner().invoke(flash, arguments)
    assert result.exit_code == 1
    assert result.output == f"Error: {path}: not JSON: NaN is no number of JSON\n"


def modules(tmp_path, values, **files):
    path = tmp_path / "mine.json"
    path.write_text(values)
    for name, source in files.items():
        (tmp_path / f"{name}.py").write_text(source)
    return configuration.modules(path, configuration.read(path, FIRMWARE), "armv6m")


def test_the_modules_beside_a_configuration_go_with_it_and_no_others(tmp_path):
    both = '{"source": "module:counter", "sink": "module:lamp", "rate": 7}'
    viper = "import micropython\n@micropython.viper\ndef read(buf) -> int:\n    return 0\n"
    assert modules(tmp_path, both, counter=viper, other="pass\n") == {"/counter.py": viper.encode()}
    lamp = "def write(record, n): return 1\n"
    assert list(modules(tmp_path, both, lamp=lamp)) == ["/counter.py", "/lamp.py"]
    assert modules(tmp_path, '{"source": "pin"}') == {}


def test_a_module_that_does_not_compile_is_not_sent(tmp_path):
    with pytest.raises(
        UserError, match=r"wrong\.py does not compile: line 3: SyntaxError"
    ) as caught:
        modules(tmp_path, '{"sink": "module:wrong"}', wrong="\n\ndef write(:\n")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["main", "boot", "board", "sluice"])
def test_a_module_does_not_take_the_place_of_what_the_board_starts_from(tmp_path, name):
    with pytest.raises(UserError, match=f'source is "module:{name}", which is the board.s own'):
        modules(tmp_path, f'{{"source": "module:{name}"}}', **{name: "pass\n"})


@pytest.mark.parametrize("name", ["", "my-own", "1st", "a.b", "mod\u00fcl", "../mine", "x\n"])
def test_a_name_that_no_import_takes_is_refused(tmp_path, name):
    with pytest.raises(
        UserError, match="sink is .*, allowed: module:NAME, NAME as Python's"
    ) as told:
        modules(tmp_path, json.dumps({"sink": f"module:{name}"}))
    assert told.value.message.isprintable()
