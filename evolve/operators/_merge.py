"""Bring imports, functions and constants of another text into a program."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from evolve.operators._flow import NONE
from evolve.operators._names import bound_name
from evolve.operators._program import Program
from evolve.operators._source import Edit, Source, is_text

_BROUGHT = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
)


def bring_all(program: Program, donor: Source) -> list[Edit]:
    """Return the edits that bring every top-level import and definition of `donor`."""
    wanted: list[ast.stmt] = [node for node in donor.tree.body if isinstance(node, _BROUGHT)]
    return _bring(program, donor, wanted)


def bring_needed(program: Program, donor: Source, names: Iterable[str]) -> list[Edit]:
    """Return the edits that bring what `names` need at the top level of `donor`, and so on."""
    needed = set(names) - program.top
    wanted: list[ast.stmt] = []
    # Definitions mostly use what stands above them, so few passes from below find everything.
    while True:
        more = [n for n in donor.tree.body if n not in wanted and not needed.isdisjoint(donor.names_of(n)[1])]
        if not more:
            return _bring(program, donor, [n for n in donor.tree.body if n in wanted])
        wanted += more
        needed |= NONE.union(*(donor.names_of(n)[0] for n in more)) - program.top


def _bring(program: Program, donor: Source, wanted: list[ast.stmt]) -> list[Edit]:
    """Add what the program does not bind yet; a definition that it has under this name stays."""
    imports, definitions = [], []
    for node in wanted:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += _missing_import(program, node)
        elif not donor.names_of(node)[1] <= program.top:
            definitions.append(donor.lines(node, node, comments=True))
    edits = [_add_imports(program, imports)] if imports else []
    if definitions:
        edits.append(_add_definitions(program, definitions))
    return edits


def _missing_import(program: Program, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        present = _imported_modules(program)
        missing = [a for a in node.names if a.name not in present and not _is_taken(program, a)]
        return [ast.unparse(ast.Import(names=missing))] if missing else []
    missing = [a for a in node.names if bound_name(a) not in program.top]
    if not missing or node.module == "__future__":
        return []
    return [ast.unparse(ast.ImportFrom(module=node.module, names=missing, level=node.level))]


def _is_taken(program: Program, alias: ast.alias) -> bool:
    """Tell whether the import's name is in use; `import a.b` adds to what `import a` bound."""
    dotted = "." in alias.name and alias.asname is None
    return not dotted and bound_name(alias) in program.top


def _imported_modules(program: Program) -> set[str]:
    body = program.source.tree.body
    return {a.name for n in body if isinstance(n, ast.Import) for a in n.names if not a.asname}


def _add_imports(program: Program, lines: list[str]) -> Edit:
    """Put imports below the last one at the head of the program, or first of all."""
    source = program.source
    head = _leading_imports(source.tree)
    text = "".join(line + "\n" for line in dict.fromkeys(lines))
    home = source.home()
    if home is not None:
        return Edit(home, home, text)
    if head:
        end = source.after_lines(head[-1])
        return Edit(end, end, text)
    end = source.top()
    return Edit(end, end, f"\n{text}" if end else f"{text}\n")


def _leading_imports(tree: ast.Module) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for node in tree.body:
        if not is_text(node) and not _is_import(node):
            break
        found.append(node)
    return found if found and _is_import(found[-1]) else []


def _add_definitions(program: Program, texts: list[str]) -> Edit:
    """Put definitions above the entry, apart from it by the usual blank lines."""
    edit = program.source.insert_before(program.entry, "", comments=True)
    home = program.source.home()
    start = edit.start if home is None else home
    parts = []
    for text, following in zip(texts, [*texts[1:], "def"], strict=True):
        # Constants stand together; what takes several lines stands apart.
        apart = "\n" in text.rstrip() or "\n" in following.rstrip() or following == "def"
        parts.append(text.rstrip() + ("\n\n\n" if apart else "\n"))
    return Edit(start, start, "".join(parts))


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)
