"""The checks together: every hot function, all that it reaches, and what is wrong there."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from .allocation import Allocation
from .callgraph import CallGraph
from .finding import Finding
from .library import Library
from .loops import Loops
from .source import Function, Given
from .stack import Stack


@dataclass(frozen=True)
class Report:
    """What the checks found.

    hot:       the functions that their docstrings mark as hot, and all machine code.
    reached:   those and all that they call, each with the words of its frame.
    given:     the names of the functions that callers hand in; they are not followed.
    findings:  each with the calls that lead there from a hot function.
    """

    hot: list[Function]
    reached: dict[Function, int]
    given: list[str]
    findings: list[tuple[Finding, list[Function]]]

    @property
    def largest(self) -> Function:
        """The function with the largest frame."""
        return max(self.reached, key=lambda function: self.reached[function])


def check(folder: Path) -> Report:
    """Check the firmware in a folder; UserError if it does not compile or nothing in it is hot."""
    library = Library(folder)
    graph = CallGraph(library)
    hot = [one for one in library.functions if one.hot or one.is_machine_code]
    if not hot:
        raise UserError(f"{folder}: no function whose docstring says 'Hot.'")
    stack = Stack(library)
    allocation = Allocation(graph)
    loops = Loops(library)

    ways: dict[Function, list[list[Function]]] = defaultdict(list)
    for root in hot:
        for function, chain in graph.chains(root).items():
            ways[function].append(chain)
    findings = [
        (finding, min(chains, key=len))
        for function in ways
        for finding in dict.fromkeys(
            stack.findings(function) + allocation.findings(function) + loops.findings(function)
        )
        if (chains := [chain for chain in ways[function] if not _announced(finding, chain)])
    ]
    calls = [target for function in ways for _, target in graph.calls(function)]
    return Report(
        hot=hot,
        reached={function: stack.of(function).words for function in ways},
        given=sorted({target.name for target in calls if isinstance(target, Given)}),
        findings=sorted(findings, key=lambda pair: (pair[0].function.module.path, pair[0].line)),
    )


def _announced(finding: Finding, chain: list[Function]) -> bool:
    """Whether a docstring on the way says that this is raised."""
    says = re.compile(rf"Raises\b[^.]*\b{re.escape(finding.raises)}\b")
    return bool(finding.raises) and any(says.search(function.doc) for function in chain)
