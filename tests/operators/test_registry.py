from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from evolve.errors import UsageError
from evolve.operators import (
    Context,
    NoProposal,
    Operator,
    Proposal,
    _registry,
    builtin_operators,
    model_operators,
    resolve_operator,
)


class Nothing:
    """An operator of another package."""

    name = "nothing"
    parents_wanted = 1

    async def propose(self, context: Context) -> Proposal:
        raise NoProposal(f"nothing for {context.entry}")


an_operator = Nothing()


@pytest.fixture
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    here = __name__
    points = EntryPoints(
        EntryPoint(name, value, _registry.GROUP)
        for name, value in [
            ("made", f"{here}:Nothing"),
            ("ready", f"{here}:an_operator"),
            ("gone", f"{here}:no_such_name"),
            ("wrong", "builtins:dict"),
        ]
    )
    monkeypatch.setattr(_registry, "entry_points", lambda group: points.select(group=group))


def test_builtin_operators_are_ordered_by_name() -> None:
    operators = builtin_operators()
    assert list(operators) == [
        "crossover",
        "expression",
        "insert_block",
        "jitter",
        "jitter_coarse",
        "jitter_fine",
        "remove_block",
        "simplify",
        "statement",
    ]
    for name, operator in operators.items():
        assert isinstance(operator, Operator)
        assert operator.name == name
        assert operator.parents_wanted == (2 if name == "crossover" else 1)


def test_resolve_a_builtin_operator() -> None:
    assert resolve_operator("jitter").name == "jitter"


def test_resolve_an_operator_that_asks_a_model() -> None:
    assert resolve_operator("diff") == model_operators()["diff"]
    assert isinstance(resolve_operator("diff"), Operator)
    assert list(model_operators()) == sorted(model_operators())
    assert not model_operators().keys() & builtin_operators().keys()


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize("name", ["made", "ready"])
def test_resolve_a_registered_operator(name: str) -> None:
    assert isinstance(resolve_operator(name), Nothing)


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "jiter",
            "operator 'jiter': no operator has this name. Did you mean 'jitter'\\? .*diff.*wrong.*",
        ),
        ("gone", "'gone': .*no_such_name cannot be loaded"),
        ("wrong", "'wrong': builtins:dict must be an operator .*, got dict"),
    ],
)
def test_what_is_no_operator_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_operator(name)
