"""A stored run of any size with all that a real one holds, written in seconds instead of hours.

Programs are the problem's seed with other numbers in it; what became of them is drawn. Archives, migrations
and bandits answer as in a run, because the engine's own state takes the commits in.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
from pathlib import Path

import numpy as np

from evolve.engine._archive_events import archive_events
from evolve.engine._config import RunConfig
from evolve.engine._offer import offer_of
from evolve.engine._rows import Single, add_commit, add_stages, event_row, verdict_of
from evolve.engine._session import run_row
from evolve.engine._state import SEED, State
from evolve.engine._tickets import Outcome, Ticket, ticket_seed
from evolve.pipeline import Evaluation, StageResult
from evolve.problem import Problem
from evolve.store import Batch, Row, Writer

SECONDS_EACH = 0.01
"""Run time between two commits."""

_BATCH = 5000
_RECENT = 3000
_BEST_POSSIBLE = 2.636
_NUMBER = re.compile(r"(?<![\w.])(\d+\.\d+)")
_ENDS = {
    "valid": 0.78, "duplicate": 0.06, "invalid": 0.08, "failed": 0.05, "timeout": 0.02, "memory": 0.01,
}  # fmt: skip
_FEEDBACK = {
    "valid": "sum of radii {0:.6f}; the smallest circle could grow",
    "invalid": "circles 3 and 7 overlap by {0:.2e}",
    "failed": "ZeroDivisionError: float division by zero (line 23, in equal_share_radii)",
    "timeout": "was stopped after 20 s",
    "memory": "was stopped at 1024 MB",
}


def stored_run(folder: Path, programs: int, config: RunConfig, problem: Problem) -> None:
    """Write a run of that many commits, as the engine would; with models, every twentieth has asked one."""
    folder.mkdir(parents=True, exist_ok=True)
    writing = _Writing(programs, config, problem)
    with contextlib.closing(Writer(folder, run_row(config, problem))) as writer:
        for start in range(1, programs + 1, _BATCH):
            batch = Batch()
            if start == 1:
                batch.events.append(event_row("started", None, 0.0, {"workers": config.workers}))
            for number in range(start, min(start + _BATCH, programs + 1)):
                writing.commit(batch, number)
            writer.write(batch)
        end = event_row("stopped", programs, programs * SECONDS_EACH, {"reason": "max_evals"})
        writer.write(Batch(events=[end]))
    config.save(folder)


class _Writing:
    """What the next commit depends on."""

    def __init__(self, programs: int, config: RunConfig, problem: Problem) -> None:
        self._rng = np.random.default_rng(3)
        self._problem = problem
        self._metric = problem.spec.objective.metric
        self._single = Single.of(problem)
        offer = offer_of(config, problem)
        self._state = State(problem, config, offer)
        self._builtin = [arm for arm in offer.arms if arm.model is None]
        self._asking = [arm for arm in offer.arms if arm.model is not None]
        self._islands = len(config.islands.islands)
        pieces = _NUMBER.split(problem.seeds[0][1])
        self._pieces, self._numbers = pieces[::2], [float(number) for number in pieces[1::2]]
        ends = np.array([measure.range for measure in problem.spec.measures])
        self._points = ends[:, 0] + self._rng.random((programs + 1, len(ends))) * (ends[:, 1] - ends[:, 0])
        self._statuses = self._rng.choice(list(_ENDS), programs + 1, p=list(_ENDS.values())).tolist()
        self._steps = self._rng.normal(-0.02, 0.03, programs + 1).tolist()
        self._objectives = np.full(programs + 1, -np.inf)
        self._texts: dict[int, tuple[str, bytes]] = {}
        self._requests = 0

    def commit(self, batch: Batch, number: int) -> None:
        """Add one commit with everything that belongs to it."""
        outcome = self._outcome(number)
        first = self._state.first_with(outcome.code_hash)
        verdict = verdict_of(outcome, first, 0.0, self._single)
        applied = self._state.apply(verdict)
        at_s = number * SECONDS_EACH
        if verdict.status != "duplicate" and outcome.evaluation is not None:
            stages = outcome.evaluation.stages
            add_stages(batch, number, {name: f"{name}-{number}" for name in stages}, stages)
        add_commit(batch, outcome, verdict, applied, first, seq=number, at_s=at_s)
        if outcome.model is not None:
            batch.programs[-1] |= {"calls": 1, "tokens": 2400, "usd": 0.0012, "cost": 0.0012}
            self._add_call(batch, number, outcome)
        if applied.is_best:
            batch.events.append(event_row("best", number, at_s, {"objective": verdict.objective}))
        batch.events += archive_events(self._state, applied, number, at_s)
        if number % 100 == 0:
            batch.events.append(event_row("bandits", number, at_s, self._bandits()))

    def _outcome(self, number: int) -> Outcome:
        parent = self._parent(number)
        status = "valid" if number == 1 else self._statuses[number]
        text, hashed = self._text(number, parent, changed=status != "duplicate")
        ticket, model = self._ticket(number)
        parents = [] if parent is None else [parent]
        if parents and number % 9 == 0 and number // 2 != parent:
            parents.append(number // 2)
        change = "the seed rings.py" if parent is None else f"line {number % 30 + 4}: changed a number"
        evaluation = self._evaluation(number, parent, status)
        return Outcome(ticket, text, hashed, tuple(parents), change, evaluation, model=model)

    def _ticket(self, number: int) -> tuple[Ticket, str | None]:
        if number == 1:
            return Ticket(number, None, SEED, SEED, ticket_seed(0, number), 0), None
        arms = self._asking if self._asking and number % 20 == 0 else self._builtin
        arm = arms[number // 20 % len(arms)] if arms is self._asking else arms[number % len(arms)]
        island = number % self._islands
        ticket = Ticket(number, island, arm.operator, arm.name, ticket_seed(0, number), max(0, number - 9))
        return ticket, arm.model

    def _parent(self, number: int) -> int | None:
        """Return the best of three recent programs, so that the run gets better and lineages branch."""
        if number == 1:
            return None
        some = self._rng.integers(max(1, number - _RECENT), number, 3)
        best = int(some[np.argmax(self._objectives[some])])
        return best if np.isfinite(self._objectives[best]) else 1

    def _text(self, number: int, parent: int | None, *, changed: bool) -> tuple[str, bytes]:
        """Return a program and the hash of its code: the parent's, or the seed with other numbers in it."""
        if parent is not None and not changed and parent in self._texts:
            return self._texts[parent]
        others = [f"{value + number * 1e-7:.7f}" for value in self._numbers]
        text = "".join(itertools.chain(*zip(self._pieces, [*others, ""], strict=True)))
        found = text, hashlib.blake2b(text.encode(), digest_size=16).digest()
        self._texts[number] = found
        self._texts.pop(number - _RECENT, None)
        return found

    def _evaluation(self, number: int, parent: int | None, status: str) -> Evaluation | None:
        if status == "duplicate":
            return None
        objective, measures, metrics = None, None, {}
        if status == "valid":
            before = 1.8 if parent is None else float(self._objectives[parent])
            objective = before + (_BEST_POSSIBLE - before) * self._steps[number]
            self._objectives[number] = objective
            measures = tuple(self._points[number].tolist())
            names = [measure.metric for measure in self._problem.spec.measures]
            metrics = {**dict(zip(names, measures, strict=True)), self._metric: objective}
        feedback = _FEEDBACK[status].format(objective if objective is not None else number * 1e-7)
        ran = "ok" if status in ("valid", "invalid") else status
        layers = ("namespaces", "landlock", "seccomp", "rlimits")
        stages = {
            "parse": StageResult("ok", wall_s=0.0002),
            "complexity": StageResult("ok", {"lines": 29.0, "ast_size": 311.0}, wall_s=0.0004),
            "run": StageResult(
                ran, feedback="" if ran == "ok" else feedback, wall_s=0.006, cpu_s=0.005, layers=layers
            ),
            "score": StageResult(
                status if ran == "ok" else "skipped", metrics, feedback if ran == "ok" else "", wall_s=0.001
            ),
        }
        return Evaluation(status, objective, measures, metrics, feedback, stages, 0.008)

    def _add_call(self, batch: Batch, number: int, outcome: Outcome) -> None:
        self._requests += 1
        prompt = f"You improve programs.\n\n```python\n{outcome.text}```\n\nIdea {number}, please." * 3
        asked = json.dumps({"messages": [{"role": "user", "content": prompt}]})
        request, reply = _payload(asked), _payload(f"CHANGE: a number\n\n```python\n{outcome.text}```\n")
        batch.payloads += [request, reply]
        batch.requests.append(
            {
                "id": self._requests, "ticket": number, "saw": max(0, number - 9), "turn": 0, "attempt": 0,
                "model": outcome.model, "purpose": "propose", "request": request["hash"],
                "question": request["hash"], "reserved_tokens": 8000, "reserved_nano_usd": 8_000_000,
            }
        )  # fmt: skip
        batch.replies.append(
            {
                "call": self._requests, "status": "ok", "text": reply["hash"], "finish": "stop", "kind": "",
                "error": "", "prompt_tokens": 1700, "reply_tokens": 700, "tokens": 2400,
                "nano_usd": 1_200_000, "latency_s": 2.5,
            }
        )  # fmt: skip

    def _bandits(self) -> Row:
        islands = self._state.archipelago.islands
        return {"islands": [{**island.bandit.state(), "means": island.bandit.means()} for island in islands]}


def _payload(text: str) -> Row:
    return {"hash": hashlib.sha256(text.encode()).hexdigest(), "text": text}
