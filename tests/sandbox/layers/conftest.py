from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import toy_problem
from tests.sandbox.helpers import POLICIES_HERE, Sandbox, needs_namespaces


@pytest.fixture(scope="package", params=[pytest.param("strict", marks=needs_namespaces)])
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox under the strict policy for all tests that leave it as it was."""
    with Sandbox(toy_problem(tmp_path_factory.mktemp("strict")), policy=request.param) as box:
        yield box


@pytest.fixture(scope="package", params=POLICIES_HERE)
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox under each policy in turn."""
    with Sandbox(toy_problem(tmp_path_factory.mktemp("either")), policy=request.param) as box:
        yield box
