from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/prompts/golden anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a stored one; `pytest tests/prompts --update-golden` stores it anew."""
    update = request.config.getoption("--update-golden", default=False)

    def check(name: str, text: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if update:
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing; write it with: pytest tests/prompts --update-golden"
        stored = path.read_text(encoding="utf-8")
        if stored != text:
            diff = difflib.unified_diff(
                stored.splitlines(), text.splitlines(), f"{path.name} (stored)", "rendered now", lineterm=""
            )
            pytest.fail(
                "\n".join([*diff, "", "If this is meant: pytest tests/prompts --update-golden"]),
                pytrace=False,
            )

    return check
