"""Kill −9 at random instants of a run that asks a failing model; resume it each time, up to its limits.

The server is a process of its own and keeps its own books. In them there must be no call, no token and no
cent beyond the limits, and no question whose answer the run had on record. `evolve replay` must repeat all of
it, and the database must be sound. Each run reaches three limits one after the other: calls, tokens, dollars.
`python benchmarks/model_crash.py --kills 5`. Exit code 1 when anything is not so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _results
import tomli_w

from evolve.store import Reader
from evolve.testing.model_server import Call, Mode, ModelServer, mixed, prompt_hash

TRIVIAL = Path(__file__).parent / "trivial"
FATAL: tuple[Mode, ...] = ("unauthorized", "not_found")
"""Failures that rightly end a run."""
USD_PER_MILLION = (1.0, 4.0)
"""Prices of prompts and replies."""
ENDED = ("ok", "no_reply")
"""Ends of a question: it must not be asked again."""
MORE_CALLS = 10**6
SESSION_S = 600.0


@dataclass
class Trial:
    """A run, its server and what has happened to it.

    Attributes:
        folder: Where everything is.
        server: Its books.
        options: Of the command line.
        order: Of the run's commits.
        chance: Of the instants.
        kills: So far.
        sessions: So far.
    """

    folder: Path
    server: ModelServer
    options: argparse.Namespace
    order: str
    chance: random.Random
    kills: int = 0
    sessions: int = 0

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.folder / "runs" / "killed"

    def begin(self, *limits: str) -> subprocess.Popen[bytes]:
        """Begin the run, or resume it when it exists."""
        command = [sys.executable, "-m", "evolve"]
        if (self.run / "run.db").exists():
            command += ["resume", str(self.run)]
        else:
            command += ["run", str(TRIVIAL), "--id", "killed", "--runs", str(self.run.parent)]
            command += ["--config", str(self.settings()), "--order", self.order, "--workers", "2"]
        self.sessions += 1
        with (self.folder / "errors").open("ab") as errors:
            environment = os.environ | {"OPENAI_API_KEY": "none"}
            return subprocess.Popen(
                [*command, *limits], stdout=subprocess.DEVNULL, stderr=errors, env=environment
            )

    def settings(self) -> Path:
        """Write the settings of the run."""
        prompt, reply = USD_PER_MILLION
        models = {
            "use": [{"name": "openai/scripted", "api_base": self.server.url}],
            "concurrency": self.options.concurrency,
            "timeout_s": 2.0,
            "max_tokens": 2000,
            "reflect_every": 20,
            "usd_per_million_prompt": prompt,
            "usd_per_million_reply": reply,
        }
        path = self.folder / "settings.toml"
        path.write_bytes(tomli_w.dumps({"models": models}).encode())
        return path

    def to_the_limit(self, limits: list[str], kills: int, calls: int) -> None:
        """Run until the limits end it, killed that often while it makes about so many calls."""
        instants = sorted(self.chance.randrange(1, calls) for _ in range(kills))
        before = self.server.calls
        for instant in instants:
            process = self.begin(*limits)
            ended = time.monotonic() + SESSION_S
            while process.poll() is None and self.server.calls < before + instant:
                time.sleep(0.02)
                if time.monotonic() > ended:
                    sys.exit("a session hangs")
            time.sleep(self.chance.uniform(0.0, 0.5))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                self.kills += 1
            elif process.returncode:
                sys.exit(f"a session failed with code {process.returncode}: {self.errors()[-2000:]}")
            process.wait()
        if self.begin(*limits).wait(SESSION_S):
            sys.exit(f"the last session failed: {self.errors()[-2000:]}")

    def errors(self) -> str:
        """Return what all sessions have written to stderr."""
        return (self.folder / "errors").read_text()


@dataclass(frozen=True)
class Used:
    """What the server's books say."""

    calls: int
    tokens: int
    usd: float


def used(calls: list[Call]) -> Used:
    """Add up the books; replies that broke off on their way were paid for too."""
    prompt = sum(call.prompt_tokens for call in calls)
    reply = sum(call.reply_tokens for call in calls)
    prices = USD_PER_MILLION
    return Used(len(calls), prompt + reply, (prompt * prices[0] + reply * prices[1]) / 1e6)


def charged(run: Path) -> Used:
    """Add up what the run has charged to its budget; what was cut off counts as reserved."""
    with Reader(run) as reader:
        tokens = nano = 0
        calls = reader.calls()
        for request, reply in calls:
            tokens += reply.tokens if reply else request.reserved_tokens
            nano += reply.nano_usd if reply else request.reserved_nano_usd
    return Used(len(calls), tokens, nano / 1e9)


def asked_again(run: Path, calls: list[Call]) -> dict[str, int]:
    """Compare the books with the store.

    Returns:
        "in_spite_of_an_answer": questions sent once more although their end was on record; "unrecorded":
        calls of the server that the store does not know; "cut_off": requests that a kill left without an
        end; "paid_twice": of these, questions that had been answered, but too late to be recorded.
    """
    ended: set[tuple[int, int, str]] = set()
    again = cut_off = 0
    requests: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    with Reader(run) as reader:
        for request, reply in reader.calls():
            messages = json.loads(reader.payload(request.request))["messages"]
            prompt = prompt_hash([(message["role"], message["content"]) for message in messages])
            requests[prompt] += 1
            question = (request.ticket, request.turn, request.question)
            again += question in ended
            if reply is None:
                cut_off += 1
                lost[prompt] += 1
            elif reply.status in ENDED:
                ended.add(question)
    seen = Counter(call.prompt for call in calls)
    whole = Counter(call.prompt for call in calls if call.whole)
    return {
        "in_spite_of_an_answer": again,
        "unrecorded": sum((seen - requests).values()),
        "cut_off": cut_off,
        "paid_twice": sum(whole[prompt] > 1 for prompt in lost),
    }


def sound(run: Path) -> bool:
    """Let SQLite check the file."""
    with contextlib.closing(sqlite3.connect(run / "run.db")) as database:
        whole = database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return whole and not database.execute("PRAGMA foreign_key_check").fetchall()


def replayed(run: Path) -> dict[str, Any]:
    """Replay the run from the command line; return what that said."""
    command = [sys.executable, "-m", "evolve", "replay", str(run), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return next((facts for facts in said if facts.get("event") == "replayed"), {"same": False})


def trial(order: str, options: argparse.Namespace) -> dict[str, Any]:
    """Kill and resume one run; return what the books say."""
    script = mixed(
        options.failures,
        without=FATAL,
        seed=options.seed,
        latency_s=options.latency,
        latency_spread=1.0,
        retry_after_s=0.3,
        stall_s=30.0,
    )
    chance = random.Random(f"{options.seed} {order}")
    with tempfile.TemporaryDirectory() as folder, ModelServer(script, process=True) as server:
        tried = Trial(Path(folder), server, options, order, chance)
        within = reach_the_limits(tried)
        books = list(server.requests)
        again = asked_again(tried.run, books)
        replay = replayed(tried.run)
        with Reader(tried.run) as reader:
            commits, statuses = reader.committed(), reader.statuses()
        figures = {
            "commits": commits,
            "kills": tried.kills,
            "sessions": tried.sessions,
            "failed_share": round(sum(call.mode != "ok" for call in books) / len(books), 3),
            "most_in_flight": server.requests.most_in_flight,
            "limits": within,
            **again,
            "calls_of_the_replay": server.calls - len(books),
            "replay_is_the_same": replay["same"],
            "database_is_sound": sound(tried.run),
            "tracebacks": tried.errors().count("Traceback") + tried.errors().count("never retrieved"),
            "statuses": statuses,
        }
    print(f"{order}: {json.dumps(figures, indent=2)}")
    return figures


def reach_the_limits(tried: Trial) -> dict[str, dict[str, float]]:
    """Run to the limit of calls, then of tokens, then of dollars; return each with what was used of it."""
    options, found = tried.options, {}
    kills = options.kills - 2 * (options.kills // 5)

    def note(name: str, limit: float) -> None:
        """Set what was used at this moment beside the limit."""
        field = {"max_calls": "calls", "max_tokens": "tokens", "max_usd": "usd"}[name]
        of_server, of_run = (
            getattr(used(list(tried.server.requests)), field),
            getattr(charged(tried.run), field),
        )
        found[name] = {"limit": limit, "at_the_server": round(of_server, 6), "charged": round(of_run, 6)}

    tried.to_the_limit(["--max-calls", str(options.calls)], kills, options.calls)
    note("max_calls", options.calls)
    tokens = charged(tried.run).tokens + options.more_tokens
    more = ["--max-calls", str(MORE_CALLS), "--max-tokens", str(tokens)]
    tried.to_the_limit(more, options.kills // 5, options.more_tokens // 4000)
    note("max_tokens", tokens)
    usd = round(charged(tried.run).usd + 2 * options.more_tokens / 1e6, 4)
    more = ["--max-tokens", str(MORE_CALLS * 10_000), "--max-usd", str(usd)]
    tried.to_the_limit(more, options.kills // 5, options.more_tokens // 4000)
    note("max_usd", usd)
    return found


def all_well(figures: dict[str, Any], kills: int, tickets: int) -> bool:
    """Tell whether nothing went wrong."""
    kept = all(
        limit["at_the_server"] <= limit["charged"] <= limit["limit"] for limit in figures["limits"].values()
    )
    none = ("in_spite_of_an_answer", "unrecorded", "calls_of_the_replay", "tracebacks")
    enough = figures["commits"] >= tickets and figures["kills"] >= kills
    sound_and_same = figures["replay_is_the_same"] and figures["database_is_sound"]
    return kept and enough and sound_and_same and not any(figures[name] for name in none)


def main() -> None:
    """Kill, resume, compare; in both orders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=5, help="how often to kill each run")
    parser.add_argument("--calls", type=int, default=700, help="first limit of each run")
    parser.add_argument(
        "--more-tokens", type=int, default=100_000, help="length of its second and third part"
    )
    parser.add_argument("--tickets", type=int, default=500, help="how many have to be committed")
    parser.add_argument("--concurrency", type=int, default=16, help="calls in flight")
    parser.add_argument("--failures", type=float, default=0.3, help="share of replies that fail")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds of a reply; each has its own")
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants and of the failures")
    parser.add_argument("--order", choices=["ticket", "arrival"], help="one of them only")
    options = parser.parse_args()
    orders = [options.order] if options.order else ["ticket", "arrival"]
    figures = {order: trial(order, options) for order in orders}
    _results.write("model_crash", {**vars(options), "orders": figures})
    sys.exit(0 if all(all_well(found, options.kills, options.tickets) for found in figures.values()) else 1)


if __name__ == "__main__":
    main()
