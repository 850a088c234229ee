from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from evolve.errors import UsageError
from evolve.store import Viewer
from evolve.tui.data import _dossier as pages
from evolve.tui.data._about import about
from tests.tui.hostile import HOSTILE, poison
from tests.tui.runs import Made, make_run


def plain(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def read(folder: Path, program: int, best: int | None = 1) -> pages.Dossier:
    with Viewer(folder) as viewer:
        return pages.dossier(viewer, program, best)


def child_of_two(made: Made) -> int:
    with Viewer(made.folder) as viewer:
        return next(n for n in range(7, 400, 7) if len(viewer.reader.commit(n).parents) > 1)


def test_it_can_be_compared_with_every_parent_the_best_and_the_seed(made: Made) -> None:
    best = made.state.best
    assert best is not None
    program = child_of_two(made)
    found = read(made.folder, program, best[0])
    parents = found.commit.parents
    roles = {relative.id: relative.role for relative in found.relatives}
    assert [relative.id for relative in found.relatives[: len(parents)]] == list(parents)
    assert roles[parents[0]] == "main parent"
    assert roles.get(parents[1]) == "parent 2"
    assert set(roles) == {*parents, best[0], 1} - {program}


def test_the_heading_says_what_it_is(made: Made) -> None:
    with Viewer(made.folder) as viewer:
        kin = {one.id: one for one in viewer.kin(range(1, 401))}
    scored = {one.id for one in kin.values() if one.objective is not None}
    program = next(one.id for one in kin.values() if one.id in scored and {*one.parents[:1]} & scored)
    found = read(made.folder, program)
    text = plain(pages.heading(found, about(made.folder)))
    assert f"program {program}" in text
    assert repr(found.objective)[:8] in text
    assert f"vs parent {found.commit.parents[0]}" in text
    assert found.commit.program.change in text


def test_the_source_is_numbered_and_whole(made: Made) -> None:
    found = read(made.folder, 42)
    for language in ("python", "text"):
        lines = pages.source_lines(found.text, language)
        assert "\n".join(line.plain.split(" ", 1)[1] for line in lines[9:]) == "\n".join(
            found.text.split("\n")[9:]
        )
        assert lines[0].plain == " 1 def pack(n):"
    coloured = pages.source_lines(found.text, "python")
    assert any(span.style not in ("", "dim") for span in coloured[0].spans)


def test_a_diff_shows_exactly_what_changed(made: Made) -> None:
    found = read(made.folder, 42)
    other = found.relatives[0]
    lines = plain(pages.diff_lines(found, other)).split("\n")
    assert lines[0].startswith(f"--- program {other.id}")
    gone = [line[1:] for line in lines[2:] if line.startswith("-")]
    come = [line[1:] for line in lines[2:] if line.startswith("+")]
    assert gone
    assert all(line in other.text.split("\n") for line in gone)
    assert all(line in found.text.split("\n") for line in come)
    same = pages.Relative(1, "the best", None, found.text)
    assert plain(pages.diff_lines(found, same)) == "the same text"


def test_results_name_every_metric_and_the_feedback(made: Made) -> None:
    found = read(made.folder, 1)
    text = plain(pages.result_lines(found, about(made.folder)))
    for name, value in found.commit.evaluation.metrics.items():
        assert name in text
        assert f"{value:.17g}" in text
    assert "feedback on program 1" in text
    assert text.count("island") == 4, "a seed enters every island"


def test_a_program_without_stages_or_calls_says_so(made: Made) -> None:
    found = read(made.folder, 2)
    assert "nothing was evaluated" in plain(pages.stage_lines(found))
    assert "no model was asked" in plain(pages.call_lines(found.calls, prompts=True))


def call(**more: Any) -> dict[str, Any]:
    known = {
        "call": 1, "turn": 0, "attempt": 0, "model": "example/large", "purpose": "diff", "status": "ok",
        "error": "", "finish": "stop", "prompt_tokens": 900, "reply_tokens": 300, "tokens": 1200,
        "usd": 0.0025, "latency_s": 1.5, "reply": "def pack(n): ...",
        "messages": [{"role": "user", "content": "Make it [bold]better[/bold]"}],
    }  # fmt: skip
    return {**known, **more}


def test_prompts_and_replies_are_shown_literally() -> None:
    sent = plain(pages.call_lines([call()], prompts=True))
    assert "Make it [bold]better[/bold]" in sent
    assert "900 + 300 tokens, $0.0025, 1.5 s" in sent
    assert "def pack" not in sent
    got = plain(pages.call_lines([call()], prompts=False))
    assert "def pack(n): ..." in got
    assert "Make it" not in got


def test_a_call_that_was_cut_off_says_so() -> None:
    cut = call(status=None, latency_s=None, reply=None, prompt_tokens=None, reply_tokens=None, error=None)
    assert "cut off: it has no end on record" in plain(pages.call_lines([cut], prompts=False))
    failed = call(status="no_reply", reply="", error="too many requests")
    assert "too many requests" in plain(pages.call_lines([failed], prompts=False))


@pytest.mark.parametrize("width", [8, 20, 79])
def test_folding_loses_nothing_and_fits(width: int) -> None:
    lines = [
        Text("def f(argument, another):"),
        Text(""),
        Text("x" * 100),
        Text("漢字" * 30),
        Text("two words " * 9),
    ]
    folded = pages.folded(lines, width)
    assert all(line.cell_len <= width for line in folded)
    assert "".join(line.plain.removeprefix("↪ ") for line in folded) == "".join(line.plain for line in lines)


def test_an_unknown_program_is_refused(made: Made) -> None:
    with pytest.raises(UsageError, match="programs 1 to 400"):
        read(made.folder, 401)


def test_nothing_hostile_reaches_the_lines(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", 12)
    poison(made.folder, 7)
    found = read(made.folder, 7)
    known = about(made.folder)
    made_of = [
        pages.heading(found, known),
        pages.source_lines(found.text, "python"),
        pages.diff_lines(found, found.relatives[0]),
        pages.result_lines(found, known),
        pages.stage_lines(found),
        pages.call_lines(found.calls, prompts=True),
        pages.call_lines(found.calls, prompts=False),
    ]
    for lines in made_of:
        for line in lines:
            assert not any(mark in line.plain for mark in HOSTILE)
            assert len(line.plain) < 3_000
    assert any("[red]danger[/red]" in line.plain for line in made_of[1])
