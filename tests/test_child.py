from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import evolve
from evolve._child import child_environment, python_command

ROOT = Path(evolve.__file__).resolve().parents[1]
WHERE = ("-c", "import evolve; print(evolve.__file__)")


def test_a_package_of_our_name_in_the_current_folder_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "evolve").mkdir()
    (tmp_path / "evolve" / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    found = subprocess.run(
        python_command(*WHERE),
        cwd=tmp_path,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).resolve() == Path(evolve.__file__).resolve()


def test_what_only_the_current_folder_led_to_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    monkeypatch.setattr(sys, "path", [str(ROOT), *others])
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    assert child_environment()["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/somewhere/else"]


def test_where_the_package_is_found_anyway_nothing_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/bin", str(ROOT)])
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    assert child_environment()["PYTHONPATH"] == "/somewhere/else"
