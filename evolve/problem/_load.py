"""Find, read and check a problem's folder."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evolve._brief import brief, shown
from evolve._data_dirs import data_dir
from evolve._toml import load_toml, suggest
from evolve.errors import ProblemError, UsageError
from evolve.languages import LANGUAGES, PYTHON, Language
from evolve.problem._spec import (
    BUILTIN_METRICS,
    DESCRIPTORS,
    TEXT_METRICS,
    Candidate,
    ProblemSpec,
    Record,
    Value,
    check_value,
    with_descriptors,
)
from evolve.source import find_function, parse


@dataclass(frozen=True, slots=True)
class Block:
    """A snippet that operators may insert: module text and the assignment that uses it."""

    name: str
    text: str
    call: str
    doc: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A declared problem with its parameters settled and its files read.

    Attributes:
        folder: Where it was declared.
        spec: The validated declaration.
        params: `[params]` with the overrides of this run.
        seeds: Seed programs: (relative path, text).
        blocks: Snippets for operators.
        digest: SHA-256 over the declaration, the scorer, the seeds and the blocks; a run
            is resumed only with the problem it began with. With an evaluator, over all that programs
            may read too.
        called_with: Parameters of the seed's entry that have no default, where a stage calls it in its own
            way.
    """

    folder: Path
    spec: ProblemSpec
    params: dict[str, Value]
    seeds: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    digest: str
    called_with: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The problem's short name."""
        return self.spec.problem.name

    @property
    def language(self) -> Language:
        """What programs are written in."""
        return LANGUAGES[self.spec.candidate.language]

    @property
    def steady(self) -> bool:
        """Whether no stage is declared to give equal programs different results, as measured times do."""
        return all(stage.deterministic is not False for stage in self.spec.stages)

    @property
    def toolchains(self) -> tuple[str, ...]:
        """Folders of compilers outside of the system's, by their real paths."""
        return tuple(os.path.realpath(os.path.expanduser(path)) for path in self.spec.candidate.toolchains)

    @property
    def scorer(self) -> Path:
        """Path of the trusted scorer."""
        return self.folder / self.spec.scorer

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the entry's parameters: the declared ones and the cases', or the seed's own."""
        if self.spec.called_by_stage:
            return self.called_with
        declared = self.spec.candidate.arguments
        names = dict.fromkeys(self.params if declared is None else declared)
        for case in self.spec.cases:
            names.update(dict.fromkeys(case))
        return tuple(names)

    def entry_arguments(self, case: Mapping[str, Value]) -> dict[str, Value]:
        """Return the keyword arguments that the entry receives for a case."""
        declared = self.spec.candidate.arguments
        names = self.params if declared is None else declared
        return {name: self.params[name] for name in names} | dict(case)

    @property
    def cases(self) -> tuple[dict[str, Value], ...]:
        """The cases to evaluate; one without arguments when none is declared."""
        return self.spec.cases or ({},)

    @property
    def trust(self) -> str:
        """Return "separate" when the scorer sees data alone, "shared" when an evaluator runs the program."""
        return "shared" if self.spec.shared_trust else "separate"

    @property
    def records(self) -> tuple[Record, ...]:
        """Reference values that hold for these parameters."""
        return tuple(
            record
            for record in self.spec.objective.records
            if all(self.params.get(key) == value for key, value in record.params.items())
        )


def load_problem(name_or_path: str | Path, params: Mapping[str, Value] | None = None) -> Problem:
    """Load a shipped problem by name, or any problem by the path of its folder.

    Args:
        name_or_path: A name listed by `list_problems`, or a folder that holds `problem.toml`.
        params: Overrides of `[params]`, of the same types as the defaults.

    Raises:
        UsageError: no such problem, or no such parameter.
        ProblemError: the declaration or one of its files is wrong.
    """
    folder = _find(name_or_path)
    path = folder / "problem.toml"
    spec = load_toml(path, ProblemSpec, ProblemError)
    spec = with_descriptors(spec, declared_metrics(spec))
    digest = hashlib.sha256(_read(path, "problem.toml", path).encode())
    seeds = []
    for seed in spec.candidate.seeds:
        text = _read(folder / seed, "candidate.seeds", path)
        if spec.candidate.language == PYTHON:
            _check_seed(folder / seed, text, spec.candidate.entry)
        seeds.append((seed, text))
    blocks = tuple(_load_block(folder, block.file, block.call, path) for block in spec.blocks)
    scorer = _load_scorer(folder, spec, path)
    if spec.draw is not None:
        _check_python(folder / spec.draw, _read(folder / spec.draw, "draw", path), "draw")
    _check_readable(folder, spec, path)
    extra = tuple(
        _read(folder / name, f"stages.{stage}.options.files", path) for stage, name in _stage_files(spec)
    )
    for text in (scorer, *extra, *(text for _, text in seeds), *(block.text for block in blocks)):
        digest.update(b"\0" + text.encode())
    if spec.shared_trust:
        _digest_files(folder, spec, digest.update)
    problem = Problem(
        folder=folder,
        spec=spec,
        params=dict(spec.params),
        seeds=tuple(seeds),
        blocks=blocks,
        digest=digest.hexdigest(),
        called_with=_required(seeds[0][1], spec.candidate),
    )
    return replace(problem, params=_override(problem, params or {}))


def list_problems() -> list[Problem]:
    """Load every shipped problem, by name."""
    return [load_problem(path.parent) for path in sorted(data_dir("problems").glob("*/problem.toml"))]


def declared_metrics(spec: ProblemSpec) -> set[str]:
    """Name the metrics that every valid program must have."""
    objectives = {spec.objective.metric, *(further.metric for further in spec.objectives)}
    return objectives | {measure.metric for measure in spec.measures}


def needed_metrics(spec: ProblemSpec) -> set[str]:
    """Name the metrics that the scorer must deliver."""
    computed = BUILTIN_METRICS if spec.candidate.language == PYTHON else TEXT_METRICS
    return declared_metrics(spec) - {*computed, *DESCRIPTORS}


def _find(name_or_path: str | Path) -> Path:
    shipped = data_dir("problems")
    path = Path(name_or_path)
    if path.name == "problem.toml":
        path = path.parent
    # os.path.isfile answers False where Path.is_file raises: for a name too long, a folder not readable
    if os.path.isfile(path / "problem.toml"):
        return path.resolve()
    if os.path.isfile(shipped / str(name_or_path) / "problem.toml"):
        return shipped / str(name_or_path)
    names = sorted(p.parent.name for p in shipped.glob("*/problem.toml"))
    here = (
        [str(p.parent) for p in sorted(Path(path.parent).glob("*/problem.toml"))]
        if len(str(path)) < 1000
        else []
    )
    if os.path.isdir(path):
        raise UsageError(
            f"{path}: is a folder without a problem.toml. Give the folder of a declared problem. For one of "
            "another engine, see `evolve import --help`."
        )
    raise UsageError(
        f"problem {str(name_or_path)!r}: no shipped problem has this name and no folder has this path."
        f"{suggest(str(name_or_path), [*here, *names])} Shipped: {', '.join(names)}."
    )


def _stage_files(spec: ProblemSpec) -> list[tuple[str, str]]:
    """List the problem's own files that stages hand to commands: (stage, path)."""
    found = []
    for stage in spec.stages:
        files = stage.options.get("files", [])
        found += (
            [(stage.name, name) for name in files if isinstance(name, str)] if isinstance(files, list) else []
        )
    return found


def _read(path: Path, key: str, declared_in: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProblemError(
            f"{declared_in}: {key}: file {path.name!r} cannot be read at {path} ({error.strerror}). "
            "Create it, or correct the path, which is relative to the problem's folder."
        ) from None
    except UnicodeDecodeError as error:
        raise ProblemError(f"{path}: must be UTF-8 text: {error}.") from None


def _check_python(path: Path, text: str, function: str) -> ast.Module:
    try:
        tree = parse(text)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise ProblemError(f"{path}{line}: is not valid Python: {error.msg}.") from None
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if function not in functions:
        raise ProblemError(
            f"{path}: must define the function {function!r} at top level; it defines "
            f"{', '.join(functions) or 'no function'}. Add it, or correct its name."
        )
    return tree


def _check_seed(path: Path, text: str, entry: str) -> None:
    try:
        _check_python(path, text, entry)
    except ProblemError as error:
        raise ProblemError(f"{error} (The entry is declared as candidate.entry in problem.toml.)") from None


def _required(seed: str, candidate: Candidate) -> tuple[str, ...]:
    """Name the parameters of the seed's entry that have no default; of Python alone they are known."""
    function = find_function(parse(seed), candidate.entry) if candidate.language == PYTHON else None
    if function is None:
        return ()
    plain = function.args.args
    needed = plain[: max(0, len(plain) - len(function.args.defaults))]
    keyword_only = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return tuple(a.arg for a in (*needed, *(a for a, default in keyword_only if default is None)))


def _load_scorer(folder: Path, spec: ProblemSpec, declared_in: Path) -> str:
    """Return the scorer's text; empty when an evaluator takes its place."""
    if not spec.has_scorer:
        return ""
    text = _read(folder / spec.scorer, "scorer", declared_in)
    _check_python(folder / spec.scorer, text, "score")
    return text


def _digest_files(folder: Path, spec: ProblemSpec, update: Callable[[bytes], None]) -> None:
    """Add what programs may read: there an evaluator and its data lie."""
    for item in spec.candidate.readable:
        root = folder / item
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and "__pycache__" not in path.parts:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
                update(b"\0" + path.relative_to(folder).as_posix().encode() + b"\0" + content)


def _check_readable(folder: Path, spec: ProblemSpec, declared_in: Path) -> None:
    """Refuse to show programs what is missing, not the problem's, or the scorer."""
    home, scorer = folder.resolve(), (folder / spec.scorer).resolve()
    for item in spec.candidate.readable:
        where = f"{declared_in}: candidate.readable: {item!r}"
        try:
            found = (folder / item).resolve(strict=True)
        except (OSError, RuntimeError) as error:  # the latter for links that lead in a circle
            raise ProblemError(
                f"{where} cannot be found at {folder / item} ({getattr(error, 'strerror', None) or error}). "
                "Create it, or correct the path, which is relative to the problem's folder."
            ) from None
        if not found.is_relative_to(home):
            raise ProblemError(
                f"{where} must lie inside of the problem's folder, got {found}. Copy the data there."
            )
        if spec.has_scorer and scorer.is_relative_to(found):
            raise ProblemError(
                f"{where} would show programs the scorer. Put the data into a folder of its own, "
                "and name that."
            )


def _load_block(folder: Path, file: str, call: str, declared_in: Path) -> Block:
    path = folder / file
    text = _read(path, "blocks", declared_in)
    statement = ast.parse(call).body[0]
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    function = statement.value.func
    if not isinstance(function, ast.Name):
        raise ProblemError(
            f"{declared_in}: blocks: call {call!r} must call a function of {file} by its plain name."
        )
    tree = _check_python(path, text, function.id)
    return Block(name=path.stem, text=text, call=call, doc=ast.get_docstring(tree) or "")


def _override(problem: Problem, params: Mapping[str, Value]) -> dict[str, Value]:
    settled = dict(problem.params)
    for key, value in params.items():
        if key not in settled:
            has = ", ".join(f"{name}={shown(known)}" for name, known in settled.items())
            raise UsageError(
                f"parameter {key!r}: {problem.name} has no such parameter.{suggest(key, settled)} "
                f"It has: {has or 'none'}."
            )
        default = settled[key]
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if type(value) is not type(default):
            raise UsageError(
                f"parameter {key!r}: must be of type {type(default).__name__} like its default "
                f"{brief(default)}, got {brief(value)}."
            )
        try:
            check_value(value)
        except ValueError as error:
            raise UsageError(f"parameter {key!r}: {error}, got {brief(value)}.") from None
        settled[key] = value
    return settled
