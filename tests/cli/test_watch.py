from __future__ import annotations

from pathlib import Path

import pytest

from evolve.cli import main
from evolve.cli._watch import _report, run_name
from evolve.errors import RunError
from evolve.tui import watch


@pytest.mark.parametrize("arguments", [["watch"], ["run", "circle_packing", "--tui"]])
def test_without_a_terminal_the_app_says_what_to_use(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "needs a terminal, and this is none" in capsys.readouterr().err


def test_the_app_and_json_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "circle_packing", "--tui", "--json"])
    assert ended.value.code == 2
    assert "Give one of them" in capsys.readouterr().err


def test_a_port_is_for_the_browser(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["watch", "--port", "8000"])
    assert ended.value.code == 2
    assert "Add --web" in capsys.readouterr().err


def test_names_of_runs_are_free(tmp_path: Path) -> None:
    first = run_name("packing", 7, tmp_path)
    assert first.startswith("packing-")
    assert first.endswith("-s7")
    (tmp_path / first).mkdir()
    assert run_name("packing", 7, tmp_path) != first


def test_what_the_session_said_at_the_end_is_told_again() -> None:
    log = "circle_packing: seed 0\n5 s: 8 evaluations\n\n9 evaluations in 6 s\nbest = 2.5\n\nrun  here\n"
    assert _report(log) == "9 evaluations in 6 s\nbest = 2.5\n\nrun  here"
    assert _report("one line only") == "one line only"


def test_what_is_no_run_is_refused_before_the_screen_changes(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        watch(tmp_path, tmp_path)
