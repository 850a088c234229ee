"""Text of programs and models that would act on a terminal or on a library that draws."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

HOSTILE = "\x1b\x00\x07\x9b\u202e\u2066\u200b\r"
"""Marks of which none may reach the screen."""
MARKUP = "[red]danger[/red] [link=file:///etc/passwd]x[/link] a[0] + b[i][/j] [@click=app.quit]"
NAME = "[red]run[/red] \x1b[2J \u202e [@click=app.quit]x[/]"
"""Of a folder: neither a slash nor a null fits."""
LONG = "L" * 1_000_000
TEXT = f"def pack(n):\n    # {MARKUP}\n    x = '\x1b[2J\x1b]0;owned\x07 {HOSTILE}'\n    y = '{LONG}'\n"


def poison(folder: Path, program: int) -> None:
    """Put hostile text wherever a program, a scorer's feedback or an operator could have put it."""
    line = f"{MARKUP} {HOSTILE} \x1b[31m"
    with sqlite3.connect(folder / "run.db") as connection:
        for statement, values in _STATEMENTS:
            given = {
                "program": program,
                "line": line,
                "text": TEXT,
                "status": f"bad{line}",
                "metrics": json.dumps({line: 1.0, "sum_radii": 2.0}),
                "ask": json.dumps({"messages": [{"role": line, "content": TEXT}]}),
            }
            connection.execute(statement, {name: given[name] for name in values})
    connection.close()


_STATEMENTS = (
    (
        "UPDATE source SET text = :text WHERE hash = (SELECT source FROM program WHERE id = :program)",
        ("text", "program"),
    ),
    (
        "UPDATE program SET change = :line, arm = :line, model = :line WHERE id = :program",
        ("line", "program"),
    ),
    (
        "UPDATE evaluation SET feedback = :text, status = :status, metrics = :metrics "
        "WHERE program = :program",
        ("text", "status", "metrics", "program"),
    ),
    (
        "INSERT INTO stage_result (ticket, stage, key, status, metrics, feedback, printed, wall_s, cpu_s, "
        "layers, cases, recalled) "
        "VALUES (:program, :line, '', :line, '{}', :text, :text, 0.1, 0.1, :line, '{}', 0)",
        ("program", "line", "text"),
    ),
    ("INSERT INTO payload VALUES ('q', :ask)", ("ask",)),
    ("INSERT INTO payload VALUES ('r', :text)", ("text",)),
    (
        "INSERT INTO model_request VALUES (1, :program, 0, 0, 0, :line, :line, 'q', 'q', 10, 0)",
        ("program", "line"),
    ),
    ("INSERT INTO model_reply VALUES (1, 'failed', 'r', '', '', :text, 1, 1, 2, 0, 0.5)", ("text",)),
    (
        "INSERT INTO model_request VALUES (2, :program, 0, 1, 0, :line, 'propose', 'q', 'q', 10, 0)",
        ("program", "line"),
    ),
    ("INSERT INTO model_reply VALUES (2, 'ok', 'r', :line, :line, '', 1, 1, 2, 0, 0.5)", ("line",)),
    (
        "INSERT INTO event (ticket, kind, at, at_s, data) "
        "VALUES (:program, 'failed', '', 1.0, json_object('error', :text))",
        ("program", "text"),
    ),
)
