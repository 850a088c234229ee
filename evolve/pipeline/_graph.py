"""The declared graph of stages, checked when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from evolve.errors import ProblemError
from evolve.pipeline._stage import ANY, Ports, Stage
from evolve.problem import Problem, StageSpec


@dataclass(frozen=True, slots=True)
class Graph:
    """Stages in an order in which each comes after all that it waits for.

    Attributes:
        specs: The declarations by name, in that order; declared order otherwise.
        before: By stage, all stages that have ended when it begins, in that order.
    """

    specs: dict[str, StageSpec]
    before: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, stages: tuple[StageSpec, ...], where: str) -> Graph:
        """Sort the stages.

        Raises:
            ProblemError: they wait for each other in a circle; `where` begins the message.
        """
        declared = {spec.name: spec for spec in stages}
        try:
            order = [
                *TopologicalSorter({name: spec.earlier for name, spec in declared.items()}).static_order()
            ]
        except CycleError as error:
            raise ProblemError(
                f"{where}: stages: they need each other in a circle: {' -> '.join(error.args[1])}. "
                "Remove one of these needs."
            ) from None
        before: dict[str, tuple[str, ...]] = {}
        for name in order:
            reached = {*declared[name].earlier}
            for earlier in declared[name].earlier:
                reached.update(before[earlier])
            before[name] = tuple(other for other in order if other in reached)
        return cls({name: declared[name] for name in order}, before)

    def path_to(self, name: str) -> str:
        """Return a stage with the data edges that lead to it: a -> b -> c."""
        path = [name]
        while self.specs[path[0]].needs:
            path.insert(0, self.specs[path[0]].needs[0])
        return " -> ".join(path)


def ports_of(kind: Stage) -> Ports:
    """Return what a kind reads and leaves."""
    ports: Ports = getattr(kind, "ports", ANY)
    return ports


def check_edges(problem: Problem, graph: Graph, kinds: Mapping[str, Stage]) -> None:
    """Check that every data edge brings what its end can read.

    Raises:
        ProblemError: one does not, or what a stage cannot do without is brought never or twice.
    """
    where = f"{problem.folder / 'problem.toml'}: stages"
    for name, spec in graph.specs.items():
        ports = ports_of(kinds[name])
        given = {need: ports_of(kinds[need]).gives for need in spec.needs}
        for need, data in given.items():
            if not ports.takes(data):
                raise ProblemError(
                    f"{where}: {graph.path_to(need)} -> {name}: {need!r} gives {data.__name__}, but kind "
                    f"{spec.kind!r} of {name!r} reads {_names(ports)}. Name another stage in its `needs`, or "
                    f'wait for this one without reading it: after = ["{need}"].'
                )
        if spec.always and ports.reads:
            raise ProblemError(
                f"{where}: {graph.path_to(name)}: kind {spec.kind!r} of {name!r} reads "
                f"{_names(Ports(ports.reads))}, which is not there when a stage before it fails. "
                "Remove `always`."
            )
        for data in ports.reads:
            sources = [need for need, found in given.items() if issubclass(found, data)]
            if len(sources) != 1:
                makers = [n for n in graph.specs if issubclass(ports_of(kinds[n]).gives, data) and n != name]
                hint = f" Stages that give it: {', '.join(makers)}." if makers else ""
                raise ProblemError(
                    f"{where}: {graph.path_to(name)}: kind {spec.kind!r} of {name!r} must need exactly one "
                    f"stage that gives {data.__name__}, got {len(sources)}.{hint}"
                )


def _names(ports: Ports) -> str:
    return " or ".join(data.__name__ for data in (*ports.reads, *ports.accepts)) or "no data"
