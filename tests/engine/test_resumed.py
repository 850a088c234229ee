"""What a resumed run may change."""

from __future__ import annotations

from typing import Any

import pytest

from evolve.engine import Budget, RunConfig, RunFile, resumed_models
from evolve.engine._resumed import check_same_models, limits_of
from evolve.errors import UsageError
from evolve.islands import load_preset
from evolve.models import ModelsConfig


def config(**changes: Any) -> RunConfig:
    models = {
        "max_tokens": 1000,
        "use": [{"name": "openai/a"}, {"name": "openai/b", "weight": 2.0}],
        "command": [{"name": "mine", "argv": ["cat"]}],
    }
    return RunConfig.model_validate(
        {"problem": "toy", "islands": load_preset("single"), "models": models, **changes}
    )


def file(**table: Any) -> RunFile:
    return RunFile.model_validate(table)


def test_settings_of_the_table_hold_for_all_models_and_those_of_an_entry_for_one() -> None:
    given = {"max_tokens": 50, "use": [{"name": "openai/b", "weight": 2.0, "timeout_s": 9.0}]}
    given["command"] = [{"name": "mine", "argv": ["tac"]}]
    found = resumed_models(config(), file(models=given))
    assert found is not None
    a, b = found.use
    assert (a.max_tokens, b.max_tokens) == (50, 50)
    assert (a.timeout_s, b.timeout_s, b.weight) == (120.0, 9.0, 2.0)
    assert found.command[0].argv == ("tac",)


def test_without_a_file_nothing_changes() -> None:
    assert resumed_models(config(), RunFile()) == config().models
    assert resumed_models(config(models=None), RunFile()) is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"models": {"use": [{"name": "openai/c"}]}}, r"models: must be those .*got .*openai/c.*evolve fork"),
        ({"models": {"use": [{"name": "openai/a", "weight": 3.0}]}}, r"got openai/a=3, .*evolve fork"),
        ({"models": {"prompt_tokens": 9000}}, r"models\.prompt_tokens: is 16000 in this run"),
        ({"models": {"embedding": "openai/e"}}, r"models\.embedding: is None in this run"),
        ({"seed": 5}, "seed: belongs to what the run is and cannot be changed"),
        ({"islands": "ring4"}, "islands: belongs"),
    ],
)
def test_what_would_make_another_run_is_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resumed_models(config(), file(**table))


def test_a_runs_own_configuration_changes_nothing() -> None:
    own = config(seed=3, window=9)
    assert resumed_models(own, file(**own.model_dump(mode="json", exclude_none=True))) == own.models


def test_a_run_without_models_gets_none() -> None:
    asked = ModelsConfig.model_validate({"use": [{"name": "openai/a"}]})
    with pytest.raises(UsageError, match=r"those that the run began with \(none\), got openai/a"):
        check_same_models(None, asked)


def test_limits_are_replaced_one_by_one_and_dropped_by_none() -> None:
    begun = config(budget=Budget(max_usd=2.0, max_calls=50))
    assert limits_of(begun, None) == begun.budget
    assert limits_of(begun, Budget(max_calls=70)) == Budget(max_usd=2.0, max_calls=70)
    assert limits_of(begun, Budget(max_usd=None)) == Budget(max_calls=50)
    assert limits_of(begun, Budget(max_usd=None, max_calls=None)) == Budget(max_evals=500)
