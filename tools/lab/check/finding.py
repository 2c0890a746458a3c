"""What a check complains about."""

from dataclasses import dataclass

from .source import Function


@dataclass(frozen=True)
class Finding:
    """Something in a function that breaks the hot-path contract when hot code gets there.

    raises: the exception, if it is one that a docstring on the way may announce; else empty.
    """

    function: Function
    line: int
    what: str
    raises: str = ""
