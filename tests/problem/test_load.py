from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import EvolveError, ProblemError, UsageError
from evolve.problem import BUILTIN_METRICS, list_problems, load_problem, needed_metrics
from tests.conftest import SCORER, SEED, toy_problem

BLOCK = '"""Make it larger."""\n\ndef grow(x):\n    return x + 1\n'
MEASURE = {"metric": "size", "range": [0.0, 1.0], "bins": 8}


def test_a_problem_of_the_current_folder_is_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_problem(tmp_path).rename(tmp_path / "hash_keys")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'hash_keys'"):
        load_problem("hash_keyz")


def test_every_shipped_problem_loads() -> None:
    problems = list_problems()
    assert {"circle_packing", "heilbronn_triangle"} <= {problem.name for problem in problems}
    for problem in problems:
        assert problem.folder.name == problem.name
        assert problem.seeds
        assert problem.spec.objective.metric in needed_metrics(problem.spec)
        assert not needed_metrics(problem.spec) & set(BUILTIN_METRICS)


def test_a_problem_is_found_by_its_folder_and_by_its_declaration(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path)
    assert (
        load_problem(folder).folder == load_problem(str(folder / "problem.toml")).folder == folder.resolve()
    )


def test_files_and_defaults_are_settled(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, blocks=[{"file": "grow.py", "call": "x = grow(x)"}])
    (folder / "grow.py").write_text(BLOCK)
    problem = load_problem(folder)
    assert problem.seeds == (("seed.py", SEED),)
    assert (problem.name, problem.scorer, problem.params) == ("toy", folder / "score.py", {"n": 3})
    assert (problem.cases, problem.arguments) == (({},), ("n",))
    assert problem.entry_arguments({}) == {"n": 3}
    (block,) = problem.blocks
    assert (block.name, block.text, block.call, block.doc) == (
        "grow",
        BLOCK,
        "x = grow(x)",
        "Make it larger.",
    )
    assert [stage.name for stage in problem.spec.stages] == ["parse", "run", "score", "complexity"]


def test_arguments_come_from_the_declared_params_and_the_cases(tmp_path: Path) -> None:
    folder = toy_problem(
        tmp_path,
        params={"n": 3, "hidden": 1.5, "word": "w", "flag": True},
        candidate={"arguments": ["word", "n"]},
        cases=[{"k": 1}, {"k": 2, "n": 9}],
    )
    problem = load_problem(folder)
    assert problem.params == {"n": 3, "hidden": 1.5, "word": "w", "flag": True}
    assert [type(value) for value in problem.params.values()] == [int, float, str, bool]
    assert problem.arguments == ("word", "n", "k")
    assert [problem.entry_arguments(case) for case in problem.cases] == [
        {"word": "w", "n": 3, "k": 1},
        {"word": "w", "n": 9, "k": 2},
    ]


def test_records_hold_for_their_parameters(tmp_path: Path) -> None:
    text = {"source": "a paper", "as_of": "2025-05", "exactness": "exact"}
    records = [
        {"value": 1, **text},
        {"value": 2.5, "params": {"n": 3}, **text},
        {"value": 9, "params": {"n": 4}, **text},
    ]
    folder = toy_problem(tmp_path, objective={"records": records})
    assert [record.value for record in load_problem(folder).records] == [1.0, 2.5]
    assert [record.value for record in load_problem(folder, {"n": 4}).records] == [1.0, 9.0]


def test_direction_decides_what_is_better(tmp_path: Path) -> None:
    up = load_problem(toy_problem(tmp_path)).spec.objective
    down = load_problem(toy_problem(tmp_path, objective={"direction": "minimize"})).spec.objective
    assert (up.sign, down.sign) == (1.0, -1.0)
    assert (up.better(2, 1), up.better(1, 1), down.better(2, 1), down.better(1, 2)) == (
        True,
        False,
        False,
        True,
    )


# -- the digest ----------------------------------------------------------------------------------


def test_the_digest_changes_with_every_file_that_decides_a_result(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, blocks=[{"file": "grow.py", "call": "x = grow(x)"}])
    (folder / "grow.py").write_text(BLOCK)
    digests = {load_problem(folder).digest}
    for name in ("problem.toml", "score.py", "seed.py", "grow.py"):
        with (folder / name).open("a") as file:
            file.write("\n# another version\n")
        digests.add(load_problem(folder).digest)
    assert len(digests) == 5
    (folder / "notes.txt").write_text("not a part of the problem")
    assert load_problem(folder).digest in digests


def test_the_digest_does_not_change_with_parameters_or_place(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    first = load_problem(toy_problem(tmp_path))
    assert first.digest == load_problem(first.folder, {"n": 4}).digest
    assert first.digest == load_problem(toy_problem(other)).digest


# -- overrides -----------------------------------------------------------------------------------


def test_overrides_replace_defaults_of_the_same_type(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, params={"n": 3, "scale": 1.5, "flag": False, "word": "a"})
    problem = load_problem(folder, {"n": 4, "scale": 2, "flag": True, "word": "b"})
    assert problem.params == {"n": 4, "scale": 2.0, "flag": True, "word": "b"}
    assert type(problem.params["scale"]) is float


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": 1}, r"parameter 'size': toy has no such parameter\. It has: n=3, scale=1\.5"),
        ({"scal": 1}, r"parameter 'scal': .* Did you mean 'scale'\?"),
        ({"n": 3.5}, r"parameter 'n': must be of type int like its default 3, got 3\.5"),
        ({"n": True}, "must be of type int like its default 3, got True"),
        ({"n": "4"}, "must be of type int like its default 3, got '4'"),
        ({"scale": "x"}, r"must be of type float like its default 1\.5, got 'x'"),
        ({"scale": float("nan")}, "parameter 'scale': must be a finite number, .*, got nan"),
    ],
)
def test_wrong_overrides_are_refused(tmp_path: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_problem(toy_problem(tmp_path, params={"n": 3, "scale": 1.5}), params)


# -- wrong declarations --------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"mesures": 3},
        r"mesures: unknown key \(value 3\)\. Did you mean 'measures'\? Keys known here: problem, ",
    ),
    ({"candidate": {"entri": "x"}}, r"candidate\.entri: unknown key \(value 'x'\)\. Did you mean 'entry'\?"),
    (
        {"measures": [MEASURE | {"bin": 3}]},
        r"measures\[0\]\.bin: unknown key \(value 3\)\. Did you mean 'bins'\?",
    ),
    (
        {"candidate": {"float": 1}},
        r"candidate\.float: unknown key \(value 1\)\. Keys known here: language, entry, ",
    ),
    ({"objective": None}, "objective: is missing; add it"),
    ({"candidate": {"entry": None}}, r"candidate\.entry: is missing; add it"),
    ({"measures": [{"range": [0, 1], "bins": 3}]}, r"measures\[0\]\.metric: is missing; add it"),
    ({"problem": 3}, "problem: must be a table, got 3"),
    ({"problem": {"name": "Toy!"}}, r"problem\.name: must match pattern .*, got 'Toy!'"),
    ({"problem": {"title": ""}}, r"problem\.title: must have at least 1 character, got ''"),
    ({"problem": {"title": 5}}, r"problem\.title: must be a text, got 5"),
    (
        {"params": {"when": date(1979, 5, 27)}},
        r"params\.when: must be a finite number, a text, true or false, .*, got datetime",
    ),
    ({"params": {"x": float("inf")}}, r"params\.x: must be a finite number, .*, got inf"),
    ({"params": {"int": {"a": 1}}}, r"params\.int: must be a finite number"),
    ({"params": {"two words": 1}}, "params: 'two words' must be a Python name"),
    ({"params": {"lambda": 1}}, "params: 'lambda' must be a Python name"),
    ({"cases": [{"k-1": 1}]}, "cases: 'k-1' must be a Python name"),
    (
        {"cases": [{"k": [date(1979, 5, 27)]}]},
        r"cases\[0\]\.k: must be a finite number, .* one of its items is",
    ),
    ({"candidate": {"entry": "1st"}}, r"candidate\.entry: must be the name of a function, .*, got '1st'"),
    ({"candidate": {"seeds": []}}, r"candidate\.seeds: needs at least one entry, got \[\]"),
    ({"candidate": {"seeds": [3]}}, r"candidate\.seeds\[0\]: must be a text, got 3"),
    ({"candidate": {"returns": ["a b"]}}, r"candidate\.returns: 'a b' must be a Python name"),
    ({"candidate": {"arguments": ["m"]}}, r"candidate\.arguments: 'm' must be one of \[params\] \(n\)"),
    ({"candidate": {"timeout_s": 0}}, r"candidate\.timeout_s: must be greater than 0, got 0"),
    ({"candidate": {"timeout_s": "5"}}, r"candidate\.timeout_s: must be a number, got '5'"),
    ({"candidate": {"memory_mb": 1.5}}, r"candidate\.memory_mb: must be an integer, got 1\.5"),
    ({"candidate": {"processes": True}}, r"candidate\.processes: must be an integer, got True"),
    (
        {"objective": {"direction": "up"}},
        r"objective\.direction: must be 'maximize' or 'minimize', got 'up'",
    ),
    ({"objective": {"target": float("nan")}}, r"objective\.target: must be a finite number, got nan"),
    ({"measures": []}, r"measures: needs at least one entry, got \[\]"),
    (
        {"measures": [{"metric": "size"}]},
        r"measures\[0\]: needs `range = \[low, high\]` and `bins = N`, or `edges",
    ),
    ({"measures": [MEASURE | {"bins": 0}]}, r"measures\[0\]\.bins: .* greater than or equal to 1, got 0"),
    (
        {"measures": [MEASURE | {"bins": "8"}]},
        r"measures\[0\]\.bins: must be an integer, got '8'",
    ),
    ({"measures": [MEASURE | {"range": [1, 0]}]}, r"measures\[0\]: `range` must be .* got \[1\.0, 0\.0\]"),
    ({"measures": [MEASURE | {"range": [0]}]}, r"measures\[0\]\.range\[1\]: is missing; add it"),
    ({"measures": [MEASURE | {"scale": "log"}]}, r"`range` must be positive for a log scale, got low = 0\.0"),
    (
        {"measures": [MEASURE | {"scale": "lin"}]},
        r"measures\[0\]\.scale: must be 'linear' or 'log', got",
    ),
    ({"measures": [MEASURE | {"edges": [0, 1]}]}, "give either `edges`, or `range` and `bins` .* not both"),
    ({"measures": [{"metric": "size", "edges": [1]}]}, "`edges` must be at least two ascending numbers"),
    ({"measures": [{"metric": "size", "edges": [1, 1]}]}, "`edges` must be at least two ascending numbers"),
    (
        {"measures": [MEASURE, MEASURE]},
        "measures: two measures use the same metric; each metric may be used once\\.$",
    ),
    (
        {"measures": [MEASURE | {"metric": m, "bins": 10_000} for m in "ab"]},
        r"measures: 100,000,000 cells are more than 10,000,000; use fewer bins",
    ),
    ({"stages": [{"name": "Run", "kind": "run"}]}, r"stages\[0\]\.name: must match pattern"),
    (
        {"stages": [{"name": "a", "kind": "run"}] * 2},
        "stages: two stages are named 'a'; names must be unique",
    ),
    (
        {"stages": [{"name": "a", "kind": "run", "needs": ["b"]}]},
        r"stages\.a: needs 'b', which is no stage \(b -> a\); stages are a",
    ),
    ({"stages": [{"name": "a", "kind": "run", "retries": -1}]}, r"stages\[0\]\.retries: .*, got -1"),
    (
        {"blocks": [{"file": "x.py", "call": "x ="}]},
        r"blocks\[0\]\.call: must be one Python assignment: invalid syn",
    ),
    (
        {"blocks": [{"file": "x.py", "call": "grow(x)"}]},
        r"blocks\[0\]\.call: must be one assignment of a call, such",
    ),
    (
        {"blocks": [{"file": "x.py", "call": "x = 3"}]},
        r"blocks\[0\]\.call: must be one assignment of a call, .* 'x = 3'",
    ),
    (
        {"blocks": [{"file": "grow.py", "call": "x = a.grow(x)"}]},
        r"call 'x = a.grow\(x\)' must call a function of grow",
    ),
    (
        {"blocks": [{"file": "no.py", "call": "x = grow(x)"}]},
        "blocks: file 'no.py' cannot be read at .*no.py",
    ),
    (
        {"candidate": {"seeds": ["no.py"]}},
        r"candidate\.seeds: file 'no\.py' cannot be read at .* \(No such file or",
    ),
    (
        {"scorer": "no.py"},
        r"scorer: file 'no\.py' cannot be read at .*Create it, or correct the path, which is rel",
    ),
    ({"draw": "no.py"}, r"draw: file 'no\.py' cannot be read"),
    ({"scorer": 3}, "scorer: must be a text, got 3"),
]


@pytest.mark.parametrize(("overrides", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_declaration_is_told_in_one_line(
    tmp_path: Path, overrides: dict[str, Any], message: str
) -> None:
    folder = toy_problem(tmp_path, **overrides)
    (folder / "grow.py").write_text(BLOCK)
    with pytest.raises(ProblemError, match=rf"^{folder / 'problem.toml'}: .*{message}") as caught:
        load_problem(folder)
    assert "\n" not in str(caught.value)


def test_every_fault_has_a_line(tmp_path: Path) -> None:
    folder = toy_problem(
        tmp_path, objective=None, candidate={"entry": "1st"}, measures=[MEASURE | {"bins": 0}]
    )
    with pytest.raises(ProblemError) as caught:
        load_problem(folder)
    keys = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert keys == ["candidate.entry", "objective", "measures[0].bins"]


# -- wrong files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "seed.py",
            "def solver(n): ...",
            r"seed\.py: must define the function 'solve' .* it defines solver\. Add it",
        ),
        (
            "seed.py",
            "x = 1",
            r"must define the function 'solve' at top level; it defines no function\..* \(The entry is",
        ),
        (
            "seed.py",
            "def solve(n:\n",
            r"seed\.py, line 1: is not valid Python: '\(' was never closed\. \(The entry",
        ),
        (
            "seed.py",
            "x = '\0'",
            r"seed\.py: is not valid Python: source code string cannot contain null bytes",
        ),
        ("seed.py", "(" * 5000, r"seed\.py.*: is not valid Python: "),
        ("seed.py", b"x = '\xff'", r"seed\.py: must be UTF-8 text: "),
        (
            "score.py",
            "x = 1",
            r"score\.py: must define the function 'score' at top level; it defines no function",
        ),
        (
            "score.py",
            "def scor(o, p, c): ...",
            r"score\.py: .* it defines scor\. Add it, or correct its name\.$",
        ),
        ("score.py", "import", r"score\.py, line 1: is not valid Python"),
        (
            "grow.py",
            "def shrink(x): ...",
            r"grow\.py: must define the function 'grow' at top level; it defines shrink",
        ),
        ("draw.py", "x = 1", r"draw\.py: must define the function 'draw'"),
        (
            "problem.toml",
            "x = ",
            r"problem\.toml: is not valid TOML: Invalid value .*Mend the syntax at that place",
        ),
        ("problem.toml", b"x = '\xff'", r"problem\.toml: is not valid TOML: 'utf-8' codec can't decode"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    folder = toy_problem(tmp_path, blocks=[{"file": "grow.py", "call": "x = grow(x)"}], draw="draw.py")
    (folder / "grow.py").write_text(BLOCK)
    (folder / "draw.py").write_text("def draw(axes, artifact, params): ...")
    load_problem(folder)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ProblemError, match=message):
        load_problem(folder)


def test_dubious_but_legal_code_gives_no_warning(tmp_path: Path) -> None:
    load_problem(toy_problem(tmp_path, seed="x = '\\d'\n" + SEED, score="y = '\\d'\n" + SCORER))


# -- finding it ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "circle_paking",
            r"problem 'circle_paking': no .* Did you mean 'circle_packing'\? Shipped: c_speed, circle_p",
        ),
        ("qqq", r"no folder has this path\. Shipped: c_speed, circle_packing, "),
        ("x" * 5000, "no shipped problem has this name"),
        ("a\0b", "no shipped problem has this name"),
    ],
    ids=["typo", "unknown", "too long", "null byte"],
)
def test_an_unknown_problem_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_problem(name)


def test_a_folder_without_declaration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r": is a folder without a problem\.toml\. Give the folder of a declared"
    ):
        load_problem(tmp_path)


def test_errors_are_for_people(tmp_path: Path) -> None:
    with pytest.raises(EvolveError) as caught:
        load_problem(toy_problem(tmp_path, measures=[]))
    assert caught.value.__suppress_context__


# -- what programs may read and use --------------------------------------------------------------


def test_public_data_is_found_in_the_problems_folder(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, candidate={"readable": ["data", "data/../one.txt", "inside"]})
    (folder / "data").mkdir()
    (folder / "one.txt").touch()
    (folder / "inside").symlink_to(folder / "data")
    assert load_problem(folder).spec.candidate.readable == ("data", "data/../one.txt", "inside")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            "data",
            r"candidate\.readable: 'data' cannot be found at .*toy/data \(No such file or directory\)\. Cr",
        ),
        ("loop", r"candidate\.readable: 'loop' cannot be found at .*"),
        ("seed.py/x", r"candidate\.readable: 'seed\.py/x' cannot be found at .*\(Not a directory\)"),
        (
            "..",
            r"candidate\.readable: '\.\.' must lie inside of the problem's folder, got .*Copy the data there",
        ),
        ("../secret", r"candidate\.readable: '\.\./secret' must lie inside of the problem's folder"),
        ("/etc", r"candidate\.readable: '/etc' must lie inside of the problem's folder, got /etc\."),
        ("out", r"candidate\.readable: 'out' must lie inside of the problem's folder, got .*secret"),
        (
            ".",
            r"candidate\.readable: '\.' would show programs the scorer\. Put the data into a folder",
        ),
        ("score.py", r"candidate\.readable: 'score\.py' would show programs the scorer"),
        ("", r"candidate\.readable: '' would show programs the scorer"),
    ],
)
def test_what_is_not_the_problems_public_data_is_refused(tmp_path: Path, item: str, message: str) -> None:
    folder = toy_problem(tmp_path, candidate={"readable": [item]})
    (tmp_path / "secret").mkdir()
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(ProblemError, match=message):
        load_problem(folder)


def test_limits_and_habits_of_the_sandbox_have_defaults_and_can_be_set(tmp_path: Path) -> None:
    candidate = load_problem(toy_problem(tmp_path)).spec.candidate
    assert (candidate.cpu_s, candidate.threads, candidate.scratch_mb) == (None, 1, 64.0)
    assert (candidate.readable, candidate.modules, candidate.one_process) == ((), (), False)
    changed = {"cpu_s": 1.5, "threads": 4, "scratch_mb": 0.5, "modules": ["scipy.*"], "one_process": True}
    candidate = load_problem(toy_problem(tmp_path, candidate=changed)).spec.candidate
    assert {key: getattr(candidate, key) for key in changed} == changed | {"modules": ("scipy.*",)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cpu_s", 0),
        ("cpu_s", -1.0),
        ("cpu_s", 100_000),
        ("cpu_s", "1"),
        ("threads", 0),
        ("threads", 257),
        ("threads", 1.5),
        ("scratch_mb", 0),
        ("scratch_mb", "64"),
        ("scratch_mb", 2.0**21),
        ("readable", "data"),
        ("readable", [1]),
        ("modules", "scipy"),
        ("modules", [1]),
        ("one_process", "yes"),
        ("one_proces", True),
    ],
)
def test_impossible_limits_and_habits_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ProblemError, match=rf"candidate\.{key}"):
        load_problem(toy_problem(tmp_path, candidate={key: value}))
