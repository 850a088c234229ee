"""Folders that somebody else has made, to harm: whatever they hold, they are imported or refused in words."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from evolve.errors import ProblemError
from evolve.interop import _write, import_folder, import_once
from tests.interop.folders import ALL, GIGAEVO, OPENEVOLVE, lay_out

SECRET = "sk-of-the-user"
LINKED = {
    "the description": ("gigaevo", "task_description.txt", SECRET),
    "the metrics": ("gigaevo", "metrics.yaml", f"specs: {{f: {{is_primary: true, description: {SECRET}}}}}"),
    "the settings": ("openevolve", "config.yaml", f"prompt: {{system_message: {SECRET}}}"),
    "the seed": ("openevolve", "initial_program.py", f"def choose(count):\n    return {SECRET!r}\n"),
    "the evaluator": ("shinka", "evaluate.py", f"KEY = {SECRET!r}\n"),
}


def link_out(source: Path, name: str, text: str) -> None:
    """Replace a file of a folder by a link to one with this text beside the folder."""
    outside = source.parent / "outside"
    outside.write_text(text)
    (source / name).unlink(missing_ok=True)
    (source / name).symlink_to(outside)


@pytest.mark.parametrize(("layout", "name", "text"), LINKED.values(), ids=LINKED.keys())
def test_what_a_model_will_read_comes_from_the_folder_itself(
    layout: str, name: str, text: str, tmp_path: Path
) -> None:
    source = lay_out(ALL[layout], tmp_path / "s")
    link_out(source, name, text)
    with pytest.raises(ProblemError, match=rf"{name}: leads out of the folder, to .*outside\. Put a copy"):
        import_folder(layout, source, tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_folder_of_seeds_may_not_lie_elsewhere(tmp_path: Path) -> None:
    source = lay_out(GIGAEVO, tmp_path / "s")
    (source / "initial_programs").rename(tmp_path / "others")
    (source / "initial_programs").symlink_to(tmp_path / "others")
    with pytest.raises(ProblemError, match="leads out of the folder"):
        import_folder("gigaevo", source, tmp_path / "t")


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    (source / "lib").mkdir()
    (source / "lib" / "weights.py").symlink_to("../weights.py")
    done = import_folder("openevolve", source, tmp_path / "t")
    assert (done.folder / "peer" / "lib" / "weights.py").read_text() == OPENEVOLVE["weights.py"]


def _bomb(first: str, rest: str) -> str:
    lines = "".join(f"a{i}: &a{i} {rest.format(f'*a{i - 1}')}\n" for i in range(1, 60))
    return f"a0: &a0 {first}\n{lines}max_code_length: *a59\n"


YAML = {
    "tables by aliases": (_bomb("{x: 1}", "{{p: {0}, q: {0}}}"), "more than 50,000 values"),
    "lists by aliases": (_bomb("[x, x]", "[{0}, {0}]"), "more than 50,000 values"),
    "tables that are merged": (_bomb("{x: 1}", "{{<<: [{0}, {0}]}}"), "more than 50,000 values"),
    "an alias of itself": ("a: &a\n  b: *a\n", "or for ever"),
    "nested deeply": ("[" * 5000, "is not valid YAML"),
    "no such date": ("when: 2024-13-45\n", "is not valid YAML: month must be in"),
    "a number of many digits": ("max_code_length: " + "9" * 5000, "is not valid YAML: Exceeds the limit"),
    "much text": ("x" * 300_000, "has 300,000 bytes; at most 262,144 are read"),
    "a long list": (
        f"max_code_length: [{'x, ' * 400}]\n",
        r"must be a whole number, got .{90,110}\. Correct",
    ),
    "a threshold that is no number": ("evaluator: {cascade_thresholds: [.nan]}\n", "finite numbers"),
}


@pytest.mark.parametrize(("text", "message"), YAML.values(), ids=YAML.keys())
def test_settings_that_explode_are_refused(text: str, message: str, tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s", config__yaml=text)
    with pytest.raises(ProblemError, match=message):
        import_folder("openevolve", source, tmp_path / "t")


@pytest.mark.parametrize("name", ["config.yaml", "config_old.yaml"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name: str, tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s", config__yaml=None)
    os.mkfifo(source / name)
    if name == "config.yaml":
        with pytest.raises(ProblemError, match=r"config\.yaml: must be a plain file"):
            import_once("openevolve", source, tmp_path / "t")
    else:
        assert import_once("openevolve", source, tmp_path / "t").fresh


def test_names_that_cannot_be_said_are_left_out(tmp_path: Path) -> None:
    source = lay_out(GIGAEVO, tmp_path / "s\x1b[31m")
    for name in (b"x\xff.txt", b"two\nlines.txt", b"\x1b]0;title\x07.txt", b"initial_programs/\xff.py"):
        (source / os.fsdecode(name)).write_text("def entrypoint(context):\n    return []\n")
    done = import_folder("gigaevo", source, tmp_path / "t")
    report = (done.folder / "IMPORTED.md").read_text(encoding="utf-8")
    assert "'x\\udcff.txt'" in report
    assert "'two\\nlines.txt'" in report
    assert "\x1b" not in report
    assert "\x1b" not in (done.folder / "problem.toml").read_text(encoding="utf-8")
    assert not [path for path in done.folder.rglob("*") if not path.name.isprintable()]


def test_a_folder_that_would_fill_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    with (source / "data" / "large.bin").open("wb") as file:
        file.truncate(2**40)  # it takes no room until it is copied
    with pytest.raises(ProblemError, match=r"holds more than 20,000 files or 1,024 MiB"):
        import_folder("openevolve", source, tmp_path / "t")
    (source / "data" / "large.bin").unlink()
    monkeypatch.setattr(_write, "_MOST_FILES", 3)
    with pytest.raises(ProblemError, match="holds more than 3 files"):
        import_folder("openevolve", source, tmp_path / "t")


def test_folders_without_end_are_left_out(tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    deep = source.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "x.txt").write_text("x")
    (source / "circle").symlink_to("circle")
    done = import_folder("openevolve", source, tmp_path / "t")
    left = "\n".join(done.left)
    assert "circle" in left
    assert "/".join(["d"] * 33) + "/" in left
    assert "/".join(["d"] * 34) not in left


def test_no_module_that_runs_a_program_is_preloaded(tmp_path: Path) -> None:
    evaluator = (
        "import unittest.__main__\nfrom venv import __main__\nimport antigravity, statistics\n"
        "def evaluate(path):\n    return {'combined_score': choose}\n"
    )
    source = lay_out(OPENEVOLVE, tmp_path / "s", evaluator__py=evaluator)
    done = import_folder("openevolve", source, tmp_path / "t")
    declared = tomllib.loads((done.folder / "problem.toml").read_text())
    assert "statistics" in declared["candidate"]["preload"]
    assert not [name for name in declared["candidate"]["preload"] if "__main__" in name or "anti" in name]
