"""What the built-in operators do to programs that are not Python: edits of lines, tokens and numbers.

Without a syntax tree little is certain, so they keep to what is seldom nonsense: lines stay whole,
brackets that
balanced before balance afterwards, words are replaced by words of the same text, and comments are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from evolve.languages import Language, code_hash
from evolve.operators._base import Context, NoProposal, Parent, Proposal
from evolve.operators._markers import marked_spans, outside_unchanged
from evolve.operators._numbers import COARSE, FINE, MIDDLE, Number, Scale, draw_number, write_number
from evolve.operators._random import chance, pick

TRIES = 32
_LONGEST_MOVE = 4
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z_]\w*")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_SWAPS = (
    ("<", "<=", ">", ">="),
    ("==", "!="),
    ("+", "-"),
    ("*", "/"),
    ("&&", "||"),
    ("&", "|", "^"),
    ("<<", ">>"),
    ("+=", "-="),
    ("++", "--"),
)
_SIGN = re.compile(r"<<=|>>=|->|=>|<<|>>|<=|>=|==|!=|\+=|-=|\+\+|--|&&|\|\||[-<>+*/&|^]")

Change = tuple[str, str]
"""The new text, and one line that says what was done."""
Edit = Callable[[str, Context], Change | None]


def propose_text(name: str, context: Context) -> Proposal:
    """Propose a change of a program without a syntax tree, as the built-in operator of this name would.

    Raises:
        NoProposal: the operator knows nothing to do with such programs, or nothing applicable was found.
    """
    edit, wanted = TEXT_EDITS.get(name, (None, 0))
    if edit is None:
        raise NoProposal(f"{name}: edits Python programs only, and this one is {context.language.title}")
    if len(context.parents) < wanted:
        raise NoProposal(f"{name}: needs {wanted} parents, got {len(context.parents)}")
    parents = context.parents[:wanted]
    for _ in range(TRIES):
        change = edit(parents[0].text, context)
        if change is not None and _is_sound(change[0], parents, context):
            return Proposal(change[0], tuple(parent.id for parent in parents), change[1])
    raise NoProposal(f"{name}: found no sound change to program {parents[0].id} in {TRIES} tries")


def _is_sound(text: str, parents: tuple[Parent, ...], context: Context) -> bool:
    """Tell whether a change gives a new program of which nothing is known to be wrong."""
    language = context.language
    if not text.strip() or len(text) > context.max_chars or outside_unchanged(parents[0].text, text):
        return False
    if context.entry and not re.search(rf"\b{re.escape(context.entry)}\b", text):
        return False
    if language.code and balanced(parents[0].text) and not balanced(text):
        return False
    new = code_hash(text, language)
    return all(code_hash(parent.text, language) != new for parent in parents)


def balanced(text: str) -> bool:
    """Tell whether brackets outside of strings pair up, each line's strings taken by themselves."""
    opened: list[str] = []
    for character in re.sub(r'"(?:\\.|[^"\\\n])*+"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*', "", text):
        if character in "([{":
            opened.append(character)
        elif character in _PAIRS and (not opened or opened.pop() != _PAIRS[character]):
            return False
    return not opened


# -- numbers -----------------------------------------------------------------------------------------


def _jitter(scale: Scale) -> Edit:
    def edit(text: str, context: Context) -> Change | None:
        places = [
            match for match in _NUMBER.finditer(text) if _is_free(text, match.start(), context.language)
        ]
        if scale.floats_first:
            places = [match for match in places if not match[0].isdigit()] or places
        if not places:
            return None
        match = pick(context.rng, places)
        old: Number = int(match[0]) if match[0].isdigit() else float(match[0])
        if abs(old) >= 1e18:
            return None
        new = write_number(abs(draw_number(context.rng, old, scale)), scale.digits)
        return _replaced(text, match, new), f"line {_line_of(text, match)}: {match[0]} -> {new}"

    return edit


# -- lines -------------------------------------------------------------------------------------------


def _edit_lines(text: str, context: Context) -> Change | None:
    """Delete, duplicate, swap or move lines."""
    rng, lines = context.rng, text.split("\n")
    free = _free_lines(text)
    full = [number for number in free if lines[number].strip()]
    if len(full) < 2:
        return None
    at = pick(rng, full)
    match pick(rng, ("delete", "duplicate", "swap", "move")):
        case "delete":
            return _joined(lines[:at] + lines[at + 1 :]), f"deleted line {at + 1}"
        case "duplicate":
            return _joined(lines[: at + 1] + lines[at:]), f"duplicated line {at + 1}"
        case "swap":
            other = pick(rng, full)
            lines[at], lines[other] = lines[other], lines[at]
            return _joined(lines), f"swapped lines {at + 1} and {other + 1}"
    count = 1 + int(rng.integers(_LONGEST_MOVE))
    moved, rest = lines[at : at + count], lines[:at] + lines[at + count :]
    to = min(pick(rng, full), len(rest))
    return _joined(rest[:to] + moved + rest[to:]), f"moved {_lines(len(moved))} from {at + 1} to {to + 1}"


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _shorten(text: str, context: Context) -> Change | None:
    """Delete a run of lines."""
    lines, full = text.split("\n"), _free_lines(text)
    if len(full) < 2:
        return None
    at = pick(context.rng, full)
    count = 1 + int(context.rng.integers(_LONGEST_MOVE))
    return _joined(lines[:at] + lines[at + count :]), f"deleted {_lines(count)} from line {at + 1}"


def _splice(text: str, context: Context) -> Change | None:
    """Replace a run of lines by one of the second parent, beginning at equal lines when possible."""
    rng = context.rng
    lines, others = text.split("\n"), context.parents[1].text.split("\n")
    free = _free_lines(text)
    if not free or not others:
        return None
    at = pick(rng, free)
    alike = [number for number, line in enumerate(others) if line.strip() == lines[at].strip()]
    start = pick(rng, alike) if alike else min(at, len(others) - 1)
    length = 1 + int(rng.integers(max(1, min(len(lines) - at, 12))))
    taken = others[start : start + length]
    text = _joined(lines[:at] + taken + lines[at + length :])
    return text, f"lines {at + 1} to {at + length} from program {context.parents[1].id}"


# -- tokens ------------------------------------------------------------------------------------------


def _edit_tokens(text: str, context: Context) -> Change | None:
    """Replace a sign by a related one, or a word by another of the text."""
    rng = context.rng
    return _replace_sign(text, context) if chance(rng, 0.5) else _replace_word(text, context)


def _replace_sign(text: str, context: Context) -> Change | None:
    related = {sign: group for group in _SWAPS for sign in group}
    found = [
        match
        for match in _SIGN.finditer(text)
        if match[0] in related and _is_free(text, match.start(), context.language)
    ]
    if not found:
        return None
    match = pick(context.rng, found)
    new = pick(context.rng, [sign for sign in related[match[0]] if sign != match[0]])
    return _replaced(text, match, new), f"line {_line_of(text, match)}: {match[0]} -> {new}"


def _replace_word(text: str, context: Context) -> Change | None:
    found = [match for match in _WORD.finditer(text) if _is_free(text, match.start(), context.language)]
    words = sorted({match[0] for match in found})
    if len(words) < 2:
        return None
    match = pick(context.rng, found)
    new = pick(context.rng, [word for word in words if word != match[0]])
    return _replaced(text, match, new), f"line {_line_of(text, match)}: {match[0]} -> {new}"


# -- where edits may go ------------------------------------------------------------------------------


def _free_lines(text: str) -> list[int]:
    """Number, from 0, the lines that may change: those between markers where there are any."""
    count = text.count("\n") + 1
    spans = marked_spans(text) or [(1, count)]
    return [number - 1 for first, last in spans for number in range(first, last + 1)]


def _is_free(text: str, position: int, language: Language) -> bool:
    """Tell whether a place may change: in a line that may, outside of comments and of what is included."""
    start = text.rfind("\n", 0, position) + 1
    before = text[start:position]
    if language.line_comment and language.line_comment in before:
        return False
    if language.directives and before.lstrip().startswith(("#include", "#if", "#endif")):
        return False
    spans = marked_spans(text)
    if not spans:
        return True
    line = text.count("\n", 0, position) + 1
    return any(first <= line <= last for first, last in spans)


def _replaced(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _line_of(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def _joined(lines: list[str]) -> str:
    return "\n".join(lines)


TEXT_EDITS: dict[str, tuple[Edit, int]] = {
    "crossover": (_splice, 2),
    "expression": (_edit_tokens, 1),
    "jitter": (_jitter(MIDDLE), 1),
    "jitter_coarse": (_jitter(COARSE), 1),
    "jitter_fine": (_jitter(FINE), 1),
    "simplify": (_shorten, 1),
    "statement": (_edit_lines, 1),
}
"""By the name of the operator that does the like to Python: (edit, parents wanted)."""
