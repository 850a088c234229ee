"""Edit program text by the spans of its syntax tree, so that the author's layout survives."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evolve.operators._markers import has_markers, is_marker, marked_spans
from evolve.operators._names import Names, names_in
from evolve.source import parse


class Edit(NamedTuple):
    """Replace the bytes `start:end` of a source by `text`."""

    start: int
    end: int
    text: str


class Source:
    """A parsed program and the edits that can be made to it.

    Works on UTF-8 bytes because those are what the tree's column offsets count. The methods
    return edits in terms of the unchanged text; `apply` makes any number of them at once.
    """

    def __init__(self, text: str) -> None:
        """Parse `text`, with line ends brought to one kind.

        Raises:
            SyntaxError: see `evolve.source.parse`.
        """
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.text = text if text.endswith("\n") else text + "\n"
        self.tree = parse(self.text)
        self._lines = self.text.encode().split(b"\n")
        self._data = self.text.encode()
        self._names: dict[ast.stmt, tuple[Names, Names]] = {}
        self._spans = marked_spans(self.text) if has_markers(self.text) else None
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def names_of(self, statement: ast.stmt) -> tuple[Names, Names]:
        """Return the names that a top-level statement reads and those that it binds."""
        found = self._names.get(statement)
        if found is None:
            reads, writes = names_in([statement])
            found = self._names[statement] = frozenset(reads), frozenset(writes)
        return found

    def may_edit(self, node: ast.expr | ast.stmt) -> bool:
        """Tell whether all of the node's lines may change: those in a block, where markers say so."""
        return self._spans is None or any(
            first <= node.lineno and (node.end_lineno or 0) <= last for first, last in self._spans
        )

    def touches(self, node: ast.stmt) -> bool:
        """Tell whether some of the node's lines may change."""
        return self._spans is None or any(
            first <= (node.end_lineno or 0) and node.lineno <= last for first, last in self._spans
        )

    def home(self) -> int | None:
        """Return where new definitions go in a program with markers; None: there are no markers, or no place.

        That is the beginning of the first block at the top level.
        """
        for first, _ in self._spans or ():
            marker = self._lines[first - 2]
            if marker.startswith(b"#") and not any(
                node.lineno < first <= (node.end_lineno or 0) for node in self.tree.body
            ):
                return self._starts[first - 1]
        return None

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where the node starts and ends, without its decorators and outer parentheses."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of the node as the author wrote it."""
        start, end = self.span(node)
        return self._data[start:end].decode()

    def between(self, before: ast.expr, after: ast.expr) -> tuple[int, str]:
        """Return where the text between two nodes starts, and that text."""
        start, end = self.span(before)[1], self.span(after)[0]
        return start, self._data[start:end].decode()

    def one_line(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of the node on one line, in the author's layout when that is one line."""
        text = self.segment(node)
        return ast.unparse(node) if "\n" in text else text

    def enclosed(self, node: ast.expr) -> bool:
        """Tell whether the text right around the node is a pair of parentheses."""
        start, end = self.span(node)
        return self._data[:start].rstrip().endswith(b"(") and self._data[end:].lstrip().startswith(b")")

    def indent(self, statement: ast.stmt) -> str:
        """Return the white space before the statement."""
        return self._lines[statement.lineno - 1][: statement.col_offset].decode()

    def owns_lines(self, statement: ast.stmt) -> bool:
        """Tell whether no other statement shares a line with this one."""
        assert statement.end_lineno is not None
        before = self._lines[statement.lineno - 1][: statement.col_offset]
        after = self._lines[statement.end_lineno - 1][statement.end_col_offset :].strip()
        return not before.strip() and (not after or after.startswith(b"#"))

    def is_elif(self, statement: ast.stmt) -> bool:
        """Tell whether the statement is the `elif` branch of the one before."""
        start = self.span(statement)[0]
        return self._data.startswith(b"elif", start)

    def lines(self, first: ast.stmt, last: ast.stmt, *, comments: bool = False) -> str:
        """Return whole lines from one statement to another, with its line ends.

        Args:
            first: Where the lines begin, decorators included.
            last: Where they end.
            comments: Include the comment lines directly above.
        """
        return self._data[self._start_of(first, comments=comments) : self._end_of(last)].decode()

    def apply(self, edits: Iterable[Edit]) -> str:
        """Make the edits and return the new text; of two that overlap the later one is dropped."""
        parts: list[bytes] = []
        done = 0
        # At one place insertions come before what replaces the text there.
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end > edit.start, -edit.end)):
            if edit.start >= done:
                parts += [self._data[done : edit.start], edit.text.encode()]
                done = edit.end
        return b"".join([*parts, self._data[done:]]).decode()

    def replace(self, node: ast.expr | ast.stmt, code: str) -> Edit:
        """Replace just the node's own text."""
        return Edit(*self.span(node), code)

    def add_argument(self, call: ast.Call, argument: str) -> Edit:
        """Add `keyword=value` behind the last argument of a call."""
        end = self.span(call)[1] - 1
        separator = {b"(": "", b",": " "}.get(self._data[:end].rstrip()[-1:], ", ")
        return Edit(end, end, separator + argument)

    def insert_before(self, statement: ast.stmt, code: str, *, comments: bool = False) -> Edit:
        """Insert lines above a statement, or above the comment that precedes it, indented like it."""
        start = self._start_of(statement, comments=comments)
        return Edit(start, start, self._indented(code, statement))

    def insert_after(self, statement: ast.stmt, code: str) -> Edit:
        """Insert lines below a statement, indented like it."""
        end = self._end_of(statement)
        return Edit(end, end, self._indented(code, statement))

    def replace_lines(self, first: ast.stmt, last: ast.stmt, code: str) -> Edit:
        """Replace the whole lines of adjacent statements, indented like the first."""
        return Edit(self._start_of(first), self._end_of(last), self._indented(code, first))

    def delete(self, statement: ast.stmt) -> Edit:
        """Delete the lines of a statement."""
        return Edit(self._start_of(statement), self._end_of(statement), "")

    def remove(self, statements: list[ast.stmt], function: ast.FunctionDef) -> list[Edit]:
        """Delete statements of a function; where nothing of a body is left, `pass` stands for it."""
        edits = []
        bodies = [function.body]
        for body in bodies:
            gone = [statement for statement in body if statement in statements]
            edits += [self.delete(statement) for statement in gone]
            if len(gone) == len(body):
                edits[-1] = self.replace(gone[-1], "pass")
            for inner in body:
                bodies += inner_bodies(inner)
        return edits

    def headline(self, statement: ast.stmt, width: int = 60) -> str:
        """Return the first line of a statement, shortened to `width`."""
        line = self.segment(statement).partition("\n")[0]
        return line if len(line) <= width else line[: width - 3] + "..."

    def delete_definition(self, statement: ast.stmt) -> Edit:
        """Delete a top-level statement with the comment directly above it.

        Of the blank lines above and below the longer run stays; at the end of the text none does.
        """
        start, end = self._start_of(statement, comments=True), self._end_of(statement)
        first, last = start, end
        while self._data.startswith(b"\n\n", first - 2) and first > 1:
            first -= 1
        while self._data.startswith(b"\n", last):
            last += 1
        if last == len(self._data) or start - first < last - end:
            return Edit(first, last if last == len(self._data) else end, "")
        return Edit(start, last, "")

    def top(self) -> int:
        """Return where the first import can go: below the module's docstring and `__future__` imports."""
        last = 0
        for statement in self.tree.body:
            is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not is_text(statement) and not is_future:
                break
            last = self._end_of(statement)
        return last

    def after_lines(self, statement: ast.stmt) -> int:
        """Return where the line after a statement starts."""
        return self._end_of(statement)

    def _indented(self, code: str, statement: ast.stmt) -> str:
        return textwrap.indent(code.rstrip("\n") + "\n", self.indent(statement))

    def _start_of(self, statement: ast.stmt, *, comments: bool = False) -> int:
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        number = min([statement.lineno, *(d.lineno for d in decorators)]) - 1
        while comments and number and self._is_comment(number - 1, statement):
            number -= 1
        return self._starts[number]

    def _is_comment(self, number: int, statement: ast.stmt) -> bool:
        line = self._lines[number]
        return line.startswith(self.indent(statement).encode() + b"#") and not is_marker(line.decode())

    def _end_of(self, statement: ast.stmt) -> int:
        assert statement.end_lineno is not None
        return min(self._starts[statement.end_lineno], len(self._data))


def rigid(statement: ast.stmt) -> bool:
    """Tell whether the statement holds text over several lines, which a new indentation would change."""
    return any(
        isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        for node in ast.walk(statement)
        if getattr(node, "end_lineno", 0) != getattr(node, "lineno", 0)
    )


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Yield the top-level functions and the methods of top-level classes, in order."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (item for item in node.body if isinstance(item, ast.FunctionDef))


def inner_bodies(statement: ast.stmt) -> list[list[ast.stmt]]:
    """Return the statement lists of a compound statement; none for a nested definition."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    bodies = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    bodies += [part.body for name in ("handlers", "cases") for part in getattr(statement, name, [])]
    return [body for body in bodies if body]


def blocks_of(source: Source, function: ast.FunctionDef) -> list[list[ast.stmt]]:
    """Return the function's statement lists, outer before inner: what owns its lines and may change.

    Docstrings and `elif` branches are left out: they are no statements to move about.
    """
    found: list[list[ast.stmt]] = []
    queue = [function.body]
    for body in queue:
        for statement in body:
            queue += inner_bodies(statement)
        block = [
            s
            for s in body
            if not is_text(s) and source.owns_lines(s) and not source.is_elif(s) and source.may_edit(s)
        ]
        if block:
            found.append(block)
    return found


def is_text(statement: ast.stmt) -> bool:
    """Tell whether the statement is just a string, such as a docstring."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
