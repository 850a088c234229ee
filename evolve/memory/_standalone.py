"""Functions together with all that they need, so that they can be used in another program."""

from __future__ import annotations

import builtins
import hashlib
from dataclasses import dataclass

from evolve.memory._pieces import (
    MAX_CHARS,
    MAX_LINES,
    Definition,
    Function,
    Import,
    Literal,
    Names,
    read_names,
)

_MAX_MEMBERS = 24

# What a function does with these cannot be told from the names that it reads.
_DYNAMIC = frozenset({"__import__", "compile", "eval", "exec", "globals", "input", "locals", "open", "vars"})
_BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("__")) - _DYNAMIC


@dataclass(frozen=True, slots=True)
class Standalone:
    """A function with the imports, literals and functions that it needs.

    Attributes:
        key: Hash of all of it, whatever the function's own name, layout and comments.
        function: The function.
        members: What it needs by name, in the program's order.
        parts: Keys of the functions that it needs.
    """

    key: bytes
    function: Function
    members: dict[str, Definition]
    parts: frozenset[bytes]

    @property
    def text(self) -> str:
        """The source: imports, literals, then the functions, this one last."""
        members = self.members.values()
        imports = dict.fromkeys(line for m in members if isinstance(m, Import) for line in m.lines)
        literals = [m.line for m in members if isinstance(m, Literal)]
        functions = [m.text for m in members if isinstance(m, Function)]
        groups = ["\n".join(imports), "\n".join(literals), *functions, self.function.text]
        return "\n\n\n".join(group for group in groups if group) + "\n"


def standalone_functions(text: str, entry: str) -> list[Standalone]:
    """Return the top-level functions of a program that can be used on their own, the entry excepted.

    Args:
        text: The program; it is read, never run.
        entry: Name of the function that is the program's own; whatever needs it is left out.
    """
    names = read_names(text, entry)
    reaches = {
        name: members
        for name, function in names.items()
        if isinstance(function, Function) and (members := _members(names, function)) is not None
    }
    keys = {name: _key(names[name], members) for name, members in reaches.items()}
    return [_standalone(name, names, members, keys) for name, members in reaches.items()]


def find_block(name: str, text: str, entry: str = "") -> Standalone | None:
    """Return the function of this name in a block's text, if it can be used on its own."""
    found = standalone_functions(text, entry)
    return next((item for item in found if item.function.name == name), None)


def _standalone(
    name: str, names: Names, members: dict[str, Definition], keys: dict[str, bytes]
) -> Standalone:
    function = names[name]
    assert isinstance(function, Function)
    # Functions that call each other contain each other: neither is a part then.
    parts = (keys[other] for other, m in members.items() if isinstance(m, Function) and name not in m.needs)
    return Standalone(keys[name], function, members, frozenset(parts))


def _members(names: Names, function: Function) -> dict[str, Definition] | None:
    """Return what a function needs, directly or not; None when some of it cannot be taken along."""
    members: dict[str, Definition] = {}
    lines, chars = function.text.count("\n") + 1, len(function.text)
    queue = list(function.needs)
    for name in queue:
        if name in members or name == function.name:
            continue
        if name not in names and name in _BUILTINS:
            continue
        member = names.get(name)
        if member is None or len(members) == _MAX_MEMBERS:
            return None
        members[name] = member
        if isinstance(member, Function):
            lines += member.text.count("\n") + 1
            chars += len(member.text)
            queue += member.needs
    if lines > MAX_LINES or chars > MAX_CHARS:
        return None
    return {name: members[name] for name in names if name in members}


def _key(function: Definition | None, members: dict[str, Definition]) -> bytes:
    assert isinstance(function, Function)
    hashed = hashlib.blake2b(function.hash, digest_size=16)
    for name in sorted(members):
        hashed.update(f"\0{name}\0".encode())
        hashed.update(_identity(members[name]))
    return hashed.digest()


def _identity(member: Definition) -> bytes:
    match member:
        case Function():
            return member.hash
        case Import():
            return "\n".join(sorted(member.lines)).encode()
        case Literal():
            return member.line.encode()
