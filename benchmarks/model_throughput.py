"""How many programs a model of a given latency can feed, and what the engine adds to each call.

Part 1: replies take 1 s, 64 calls are in flight, an evaluation is cheap. Printed are both bounds, what the
model can deliver and what the machine can evaluate, and the share of the lower one that is reached. Part 2:
replies take no time; milliseconds per program in each hundred of 1,000, beside OpenEvolve and ShinkaEvolve
against the same server when the Python given with --peers has them installed (`pip install openevolve
shinka-evolve` into an environment of its own). Each gets a limited time. Run it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import _results
import tomli_w

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor
from evolve.store import Reader
from evolve.testing.model_server import Log, Mode, ModelServer, Script, mixed

TRIVIAL = Path(__file__).parent / "trivial"
SEED = TRIVIAL / "seeds" / "sum.py"
OPERATORS = {"rewrite": 1.0, "diff": 1.0}
"""All of them ask the model, once for each program."""
MODEL = "hosted_vllm/scripted"
"""litellm speaks to such a server itself; for `openai/` it goes through the client of openai, at a price."""
THROUGH_OPENAI = "openai/scripted"
VARIED: dict[str, Any] = {"vary": True, "swaps": 0.0}
"""So small a program has few operators to exchange: such proposals would repeat."""
FATAL: tuple[Mode, ...] = ("unauthorized", "not_found", "stalled")
"""Failures that rightly end a run, or hold up a call for minutes."""
KEYS = {"OPENAI_API_KEY": "none", "HOSTED_VLLM_API_KEY": "none"}
BLOCK = 100
TIMES = "EVALUATION_TIMES"

OPENEVOLVE = """
import logging, sys
from openevolve import run_evolution
from openevolve.config import Config, LLMModelConfig
program, evaluator, url, programs, at_once, output = sys.argv[1:]
logging.disable(logging.CRITICAL)
config = Config()
config.llm.models = [LLMModelConfig(
    name="scripted", api_base=url, api_key="none", weight=1.0,
    timeout=60, retries=1, retry_delay=0, temperature=0.7, max_tokens=4096,
)]
config.evaluator.cascade_evaluation = False
config.evaluator.parallel_evaluations = int(at_once)
config.checkpoint_interval = 10**9
run_evolution(program, evaluator, config, iterations=int(programs), output_dir=output, cleanup=False)
"""
OPENEVOLVE_EVALUATOR = """
import importlib.util, os, time
def evaluate(path):
    spec = importlib.util.spec_from_file_location("candidate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    value = float(module.value(3))
    with open(os.environ["EVALUATION_TIMES"], "a") as file:
        file.write(f"{time.time()}\\n")
    return {"combined_score": value}
"""
SHINKA = """
import logging, sys
from shinka.core import EvolutionConfig, ShinkaEvolveRunner
from shinka.database import DatabaseConfig
from shinka.launch import LocalJobConfig
program, evaluator, url, programs, at_once, output = sys.argv[1:]
logging.disable(logging.CRITICAL)
ShinkaEvolveRunner(
    evo_config=EvolutionConfig(
        patch_types=["diff"], patch_type_probs=[1.0], num_generations=int(programs),
        llm_models=[f"local/scripted@{url}"], llm_dynamic_selection=None,
        llm_kwargs={"temperatures": 0.7, "max_tokens": 4096},
        embedding_model=None, meta_rec_interval=None, init_program_path=program, results_dir=output,
    ),
    job_config=LocalJobConfig(eval_program_path=evaluator),
    db_config=DatabaseConfig(db_path="evolution.sqlite"),
    verbose=False, max_evaluation_jobs=int(at_once), max_proposal_jobs=int(at_once),
).run()
"""
# Its stock evaluator imports for seconds at every evaluation; this one imports nothing of the engine's.
SHINKA_EVALUATOR = """
import argparse, importlib.util, json, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--program_path")
parser.add_argument("--results_dir")
options = parser.parse_args()
spec = importlib.util.spec_from_file_location("candidate", options.program_path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
metrics = {"combined_score": float(module.value(3)), "public": {}, "private": {}}
os.makedirs(options.results_dir, exist_ok=True)
for name, content in (("metrics", metrics), ("correct", {"correct": True, "error": None})):
    with open(os.path.join(options.results_dir, name + ".json"), "w") as file:
        json.dump(content, file)
with open(os.environ["EVALUATION_TIMES"], "a") as file:
    file.write(f"{time.time()}\\n")
"""
PEERS = {"openevolve": (OPENEVOLVE, OPENEVOLVE_EVALUATOR), "shinka": (SHINKA, SHINKA_EVALUATOR)}


class Run(NamedTuple):
    """What a run did: when each program was through, in seconds, and the calls it made."""

    times: list[float]
    calls: Log


def ours(script: Script, calls: int, concurrency: int, workers: int, cap_s: float, model: str = MODEL) -> Run:
    """Evolve the trivial problem with that many calls of the scripted model, each for a program."""
    with tempfile.TemporaryDirectory() as folder, ModelServer(script, process=True) as server:
        config = Path(folder, "settings.toml")
        models = {"use": [{"name": model, "api_base": server.url}], "reflect_every": 0}
        config.write_bytes(tomli_w.dumps({"operators": OPERATORS, "models": models}).encode())
        runs = Path(folder, "runs")
        command = [sys.executable, "-m", "evolve", "run", str(TRIVIAL), "--runs", str(runs)]
        command += ["--model", model, "--config", str(config), "--workers", str(workers)]
        command += ["--concurrency", str(concurrency), "--max-calls", str(calls)]
        run_for(command, cap_s, os.environ | KEYS)
        if not runs.is_dir():
            sys.exit("the engine made no run; what it wrote is above")
        with Reader(next(runs.iterdir())) as reader:
            made = [commit.program for commit in reader.commits() if commit.program.model]
            return Run([program.at_s for program in made], server.requests)


def peer(name: str, python: str, programs: int, at_once: int, cap_s: float) -> Run:
    """Evolve the same seed with another engine."""
    text, evaluator = PEERS[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        ModelServer(Script(**VARIED), process=True) as server,
    ):
        seed, judge, times = Path(folder, "seed.py"), Path(folder, "judge.py"), Path(folder, "times")
        seed.write_text(f"# EVOLVE-BLOCK-START\n{SEED.read_text()}# EVOLVE-BLOCK-END\n")
        judge.write_text(evaluator)
        times.touch()
        arguments = [seed, judge, server.url, programs, at_once, Path(folder, "output")]
        run_for([python, "-c", text, *map(str, arguments)], cap_s, os.environ | {TIMES: str(times)})
        return Run(sorted(map(float, times.read_text().split())), server.requests)


def run_for(command: Sequence[str], cap_s: float, environment: dict[str, str]) -> None:
    """Run a command, at most that long; then end it with all that it has started."""
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(timeout=cap_s)
        if process.returncode:
            print(f"exit code {process.returncode}: {errors.strip()[-2000:]}", file=sys.stderr)
    except subprocess.TimeoutExpired:
        print(f"ended after {cap_s:g} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


async def evaluations_per_s(workers: int, seconds: float = 5.0) -> float:
    """Evaluate and score the seed over and over, that many at once; return how many a second are through."""
    program, limits, done = SEED.read_text(), Limits(), 0
    async with LocalExecutor(load_problem(TRIVIAL), workers) as executor:

        async def one_after_the_other(end: float) -> None:
            nonlocal done
            while time.perf_counter() < end:
                result = await executor.run(program, "value", {"n": 3}, limits)
                await executor.score(result.output, {"n": 3}, artifact=False, timeout_s=30)
                done += 1

        start = time.perf_counter()
        await asyncio.gather(*(one_after_the_other(start + seconds) for _ in range(workers)))
        return done / (time.perf_counter() - start)


def steady_rate(times: Sequence[float]) -> float:
    """Return programs per second, without the first and the last tenth: starting up and running dry."""
    edge = len(times) // 10
    inner = times[edge : len(times) - edge]
    return (len(inner) - 1) / (inner[-1] - inner[0]) if len(inner) > 1 else 0.0


def throughput(options: argparse.Namespace) -> dict[str, object]:
    """Part 1: many slow calls at once."""
    script = mixed(
        options.failures,
        without=FATAL,
        vary=True,
        swaps=0,
        latency_s=options.latency,
        retry_after_s=options.latency,
    )
    before = asyncio.run(evaluations_per_s(options.workers))
    run = ours(script, options.calls, options.concurrency, options.workers, options.cap)
    after = asyncio.run(evaluations_per_s(options.workers))
    usable = run.calls.modes["ok"] / max(1, run.calls.calls)
    model_bound = options.concurrency / options.latency * usable
    evaluation_bound = statistics.mean([before, after])
    reached = steady_rate(run.times)
    share = reached / min(model_bound, evaluation_bound)
    print(
        f"bounds: {model_bound:.1f} programs/s from the model ({options.concurrency} calls in flight, "
        f"{options.latency:g} s each, {usable:.0%} of the replies usable), "
        f"{evaluation_bound:.1f} evaluations/s with {options.workers} workers"
    )
    print(f"reached: {reached:.1f} programs/s, {share:.0%} of the lower bound")
    return {
        "calls": run.calls.calls,
        "programs": len(run.times),
        "latency_s": options.latency,
        "concurrency": options.concurrency,
        "most_calls_in_flight": run.calls.most_in_flight,
        "usable_share": round(usable, 3),
        "model_bound_per_s": round(model_bound, 2),
        "evaluation_bound_per_s": round(evaluation_bound, 2),
        "programs_per_s": round(reached, 2),
        "share_of_lower_bound": round(share, 3),
    }


def per_hundred_ms(times: Sequence[float]) -> list[float]:
    """Return the wall time per program in ms, for every hundred; the last may be a part of one."""
    edges = [*range(0, len(times) - 1, BLOCK), len(times) - 1]
    pairs = itertools.pairwise(edges)
    return [round(1000 * (times[b] - times[a]) / (b - a), 2) for a, b in pairs if b > a]


def price(options: argparse.Namespace) -> dict[str, object]:
    """Part 2: replies that take no time, beside the peers."""
    instant = Script(**VARIED)
    ask = functools.partial(
        ours, instant, options.programs, options.price_concurrency, options.workers, options.cap
    )
    runs = {"evolve": ask(), "evolve through openai": ask(THROUGH_OPENAI)}
    if options.peers:
        for name in PEERS:
            runs[name] = peer(name, options.peers, options.programs, options.workers, options.cap)
    figures: dict[str, object] = {}
    for name, run in runs.items():
        blocks = per_hundred_ms(run.times)
        overall = 1000 * (run.times[-1] - run.times[0]) / (len(run.times) - 1) if len(run.times) > 1 else None
        figures[name] = {
            "programs": len(run.times),
            "calls": run.calls.calls,
            "ms_per_program": overall and round(overall, 2),
            "ms_per_program_in_each_hundred": blocks,
        }
        print(f"{name}: {len(run.times)} programs, ms per program in each hundred: {blocks}")
    return figures


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000, help="calls of part 1; 0 leaves it out")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of each reply of part 1")
    parser.add_argument("--concurrency", type=int, default=64, help="calls in flight in part 1")
    parser.add_argument("--failures", type=float, default=0.0, help="share of failing replies in part 1")
    parser.add_argument("--programs", type=int, default=1000, help="programs of part 2; 0 leaves it out")
    parser.add_argument("--price-concurrency", type=int, default=8, help="calls in flight in part 2")
    parser.add_argument("--workers", type=int, default=2, help="evaluations at once")
    parser.add_argument("--cap", type=float, default=120.0, help="seconds that each run may take")
    parser.add_argument("--peers", help="a Python with peers installed")
    options = parser.parse_args()
    figures: dict[str, object] = {}
    if options.calls:
        figures["throughput"] = throughput(options)
    if options.programs:
        figures["price"] = price(options)
    _results.write("model_throughput", figures)


if __name__ == "__main__":
    main()
