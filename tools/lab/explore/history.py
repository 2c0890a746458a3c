"""What was called, and what came back: the record of a run, and whether it makes sense."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

State = TypeVar("State")

_MOST_OPERATIONS = 1000  # far above what any script calls


class Operation(NamedTuple):
    """A call with its argument and result; it ran from moment `start` to moment `end`."""

    name: str
    argument: Any
    result: Any
    start: int
    end: int


class Model(Protocol[State]):
    """An object as it would be if its operations came one after the other.

    start: the state before the first. States are immutable.
    """

    @property
    def start(self) -> State: ...

    def after(self, state: State, operation: Operation) -> Iterable[State]:
        """The states that the operation may lead to; none if it cannot have had that result."""
        ...


class History:
    """The operations of one run, in the order in which they ended.

    Raises RuntimeError when there is no end of them: a broken ring may never be drained.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._moment = 0

    def call(self, names: tuple[str, ...], argument: Any, function: Callable[[], Any]) -> Any:
        """Call the function, record it, and return its result.

        Several names: operations that the function does in this order, though perhaps not at once.
        """
        if len(self.operations) >= _MOST_OPERATIONS:
            raise RuntimeError(f"a script went on after {_MOST_OPERATIONS} operations")
        start = self._next_moment()
        result = function()
        end = self._next_moment()
        self.operations += [Operation(name, argument, result, start, end) for name in names]
        return result

    def _next_moment(self) -> int:
        self._moment += 1
        return self._moment


def linearizable(operations: tuple[Operation, ...], model: Model[State]) -> bool:
    """Whether the model explains the operations in some order.

    In that order, an operation that had ended before another began is the earlier one.
    """

    def explained(waiting: tuple[Operation, ...], state: State) -> bool:
        if not waiting:
            return True
        first_end = min(operation.end for operation in waiting)
        for at, operation in enumerate(waiting):
            if operation.start < first_end:
                others = waiting[:at] + waiting[at + 1 :]
                if any(explained(others, after) for after in model.after(state, operation)):
                    return True
        return False

    return explained(operations, model.start)
