"""Folders of other engines become problems that load, and say what was lost on the way."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from evolve.errors import ProblemError, UsageError
from evolve.interop import LAYOUTS, import_folder, import_once, recognise
from evolve.problem import load_problem
from tests.interop.folders import ALL, GIGAEVO, OPENEVOLVE, SHINKA, lay_out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_is_recognised_and_imported_as_a_problem_that_loads(layout: str, tmp_path: Path) -> None:
    source = lay_out(ALL[layout], tmp_path / "My-Task 2")
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    assert recognise(source) == layout

    done = import_folder(layout, source, tmp_path / "new" / "here")

    problem = load_problem(done.folder)
    assert done.fresh
    assert problem.name == "my_task_2"
    assert problem.trust == "shared"
    assert not problem.spec.has_scorer
    assert (done.folder / "IMPORTED.md").read_text().count("\n- ") == len(done.left)
    for path, content in before.items():
        assert path.read_bytes() == content, "the source is not changed"
        copy = done.folder / "peer" / path.relative_to(source)
        assert not copy.exists() or copy.read_bytes() == content
    assert stat.S_IMODE((done.folder / "peer").stat().st_mode) == 0o755, "the sandbox's user can read it"
    assert recognise(done.folder) is None, "a declared problem is nothing to import"


def test_settings_of_openevolve(tmp_path: Path) -> None:
    done = import_folder("openevolve", lay_out(OPENEVOLVE, tmp_path / "s"), tmp_path / "t")
    spec = load_problem(done.folder).spec
    stage = next(stage for stage in spec.stages if stage.kind == "evaluator")
    assert spec.problem.statement == "Choose points with a large weighted sum."
    assert spec.candidate.entry == "choose"
    assert spec.candidate.timeout_s == 60, "30 s for each of two stages"
    assert spec.candidate.max_chars == 20_000
    assert [(m.metric, m.bins) for m in spec.measures] == [("ast_nodes", 8), ("spread", 8)]
    assert stage.options["thresholds"] == [0.5, 0.8]
    assert stage.options["drop"] == ["eval_time"]
    assert "subprocesses" not in stage.options
    said = "\n".join(done.left)
    assert all(word in said for word in ("diversity", "llm.api_key", "max_iterations", "[0, 1] is a guess"))


def test_settings_that_may_hold_keys_are_not_shown_to_programs(tmp_path: Path) -> None:
    done = import_folder("openevolve", lay_out(OPENEVOLVE, tmp_path / "s"), tmp_path / "t")
    texts = [path.read_text() for path in done.folder.rglob("*") if path.is_file()]
    assert not any("sk-never-shown" in text for text in texts)
    assert {path.name for path in (done.folder / "peer").iterdir()} == {
        "initial_program.py",
        "evaluator.py",
        "weights.py",
        "data",
    }


def test_settings_of_shinkaevolve_come_from_its_script_without_running_it(tmp_path: Path) -> None:
    source = lay_out(
        SHINKA, tmp_path / "s", run_evo__py=SHINKA["run_evo.py"] + "\nraise SystemExit('never run')\n"
    )
    done = import_folder("shinka", source, tmp_path / "t")
    spec = load_problem(done.folder).spec
    stage = next(stage for stage in spec.stages if stage.kind == "evaluator")
    assert spec.problem.statement == "Make the sum large. Keep five values."
    assert spec.candidate.entry == "run_experiment"
    assert spec.candidate.timeout_s == 90
    assert stage.options["arguments"] == ["--verbose", "yes"]
    assert stage.options["drop"] == ["execution_time_mean", "execution_time_std"]


def test_settings_of_shinkaevolve_come_from_yaml_too(tmp_path: Path) -> None:
    text = "evo_config:\n  task_sys_msg: Do it well.\njob_config:\n  time: '00:10:00'\n"
    source = lay_out(SHINKA, tmp_path / "s", run_evo__py=None, task__yaml=text)
    spec = load_problem(import_folder("shinka", source, tmp_path / "t").folder).spec
    assert spec.problem.statement == "Do it well."
    assert spec.candidate.timeout_s == 600


def test_settings_of_gigaevo(tmp_path: Path) -> None:
    done = import_folder("gigaevo", lay_out(GIGAEVO, tmp_path / "s"), tmp_path / "t")
    problem = load_problem(done.folder)
    assert [name for name, _ in problem.seeds] == ["seeds/arange.py", "seeds/ones.py"]
    assert problem.arguments == ("context",)
    assert problem.spec.objective.metric == "distance"
    assert problem.spec.objective.direction == "minimize"
    assert [(m.metric, m.range) for m in problem.spec.measures] == [("largest", (0.0, 10.0))]
    assert {"numpy", "importlib.util"} <= {*problem.spec.candidate.preload}
    assert "The largest value" not in problem.spec.problem.statement, "it is not for prompts"
    assert any("chain.json" in sentence for sentence in done.left)


def test_what_an_evaluator_will_miss_is_told(tmp_path: Path) -> None:
    evaluator = (
        "import os, subprocess, requests, no_such_package_here\nfrom openevolve.llm import ensemble\n"
        "def evaluate(path):\n    open('/tmp/x')\n    return {'combined_score': os.getenv('X') or choose}\n"
    )
    source = lay_out(OPENEVOLVE, tmp_path / "s", evaluator__py=evaluator, config__yaml=None)
    done = import_folder("openevolve", source, tmp_path / "t")
    said = "\n".join(done.left)
    for word in (
        "no_such_package_here",
        "openevolve.llm",
        "requests",
        "Environment",
        "/tmp",
        "problem.statement",
    ):
        assert word in said, word
    stage = next(s for s in load_problem(done.folder).spec.stages if s.kind == "evaluator")
    assert stage.options["subprocesses"] is True


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    (source / "link.txt").symlink_to(tmp_path / "secret.txt")
    done = import_folder("openevolve", source, tmp_path / "t")
    assert not (done.folder / "peer" / "link.txt").exists()
    assert any("link.txt" in sentence for sentence in done.left)


def test_the_same_folder_is_imported_once_and_a_changed_one_anew(tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    first = import_once("openevolve", source, tmp_path / "home")
    again = import_once("openevolve", source, tmp_path / "home")
    (source / "weights.py").write_text("WEIGHTS = [1.0, 1.0, 1.0]\n")
    changed = import_once("openevolve", source, tmp_path / "home")
    assert (first.fresh, again.fresh, changed.fresh) == (True, False, True)
    assert first.folder == again.folder != changed.folder
    elsewhere = import_once("openevolve", lay_out(OPENEVOLVE, tmp_path / "x" / "s"), tmp_path / "home2")
    assert elsewhere.folder.name == first.folder.name
    for name in ("problem.toml", "IMPORTED.md"):
        assert (elsewhere.folder / name).read_bytes() == (first.folder / name).read_bytes()


def test_an_evaluator_that_changes_makes_another_problem(tmp_path: Path) -> None:
    done = import_folder("openevolve", lay_out(OPENEVOLVE, tmp_path / "s"), tmp_path / "t")
    before = load_problem(done.folder).digest
    (done.folder / "peer" / "__pycache__").mkdir()
    (done.folder / "peer" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert load_problem(done.folder).digest == before
    (done.folder / "peer" / "weights.py").write_text("WEIGHTS = [9.0, 9.0, 9.0]\n")
    assert load_problem(done.folder).digest != before


def test_the_entry_can_be_named(tmp_path: Path) -> None:
    done = import_folder("openevolve", lay_out(OPENEVOLVE, tmp_path / "s"), tmp_path / "t", entry="step")
    assert load_problem(done.folder).spec.candidate.entry == "step"
    with pytest.raises(ProblemError, match="defines no function 'nothing'; it has step, choose"):
        import_folder("openevolve", tmp_path / "s", tmp_path / "u", entry="nothing")


WRONG = {
    "no evaluate": ("openevolve", {"evaluator__py": "x = 1\n"}, "must define the function 'evaluate'"),
    "syntax": (
        "openevolve",
        {"evaluator__py": "def evaluate(:\n"},
        "evaluator.py, line 1: is not valid Python",
    ),
    "yaml": ("openevolve", {"config__yaml": "a: [1\n"}, "config.yaml: is not valid YAML"),
    "a list": ("openevolve", {"config__yaml": "- 1\n"}, "must hold a table of settings, got list"),
    "type": (
        "openevolve",
        {"config__yaml": "evaluator: {timeout: soon}\n"},
        "evaluator.timeout: must be a number",
    ),
    "thresholds": (
        "openevolve",
        {"config__yaml": "evaluator: {cascade_thresholds: [high]}\n"},
        "cascade_thresholds must be finite numbers",
    ),
    "no call": ("openevolve", {"evaluator__py": "def evaluate(path): return {}\n"}, "Name it with --entry"),
    "rust": (
        "openevolve",
        {"initial_program__py": None, "initial_program__rs": "fn"},
        "only Python is imported",
    ),
    "primary": ("gigaevo", {"metrics__yaml": "specs: {a: {is_primary: false}}\n"}, "exactly one metric"),
    "no seed": (
        "gigaevo",
        {"initial_programs/ones__py": "x = 1\n", "initial_programs/arange__py": None},
        "holds no Python program that defines 'entrypoint'",
    ),
}


@pytest.mark.parametrize(("layout", "changed", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_named_and_nothing_is_written(
    layout: str, changed: dict[str, str | None], message: str, tmp_path: Path
) -> None:
    source = lay_out(ALL[layout], tmp_path / "s", **changed)
    with pytest.raises(ProblemError, match=message):
        import_folder(layout, source, tmp_path / "t")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    source = lay_out(GIGAEVO, tmp_path / "s")
    with pytest.raises(UsageError, match="there is no such folder"):
        import_folder("shinka", tmp_path / "none", tmp_path / "t")
    with pytest.raises(UsageError, match=r"is no folder of shinka.*looks like one of gigaevo"):
        import_folder("shinka", source, tmp_path / "t")
    with pytest.raises(UsageError, match=r"exists and is not empty.*--into"):
        import_folder("gigaevo", source, tmp_path)
    with pytest.raises(UsageError, match="lies inside of"):
        import_folder("gigaevo", source, source / "new")
    lay_out(OPENEVOLVE, source)
    with pytest.raises(UsageError, match=r"could be a folder of openevolve or gigaevo. Say which"):
        recognise(source)
