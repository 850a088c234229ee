"""What programs may be written in, and what can be said of their text without a parser.

Python has one (`evolve.source`). Of other languages only the lexical surface is known: comments, strings,
words and signs. That is enough to tell equal programs, to measure size, and to make line and token edits.
Every pattern is linear in time, whatever the text: they are applied where nothing else goes on meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

__all__ = ["LANGUAGES", "PYTHON", "Language", "code_hash", "code_lines", "tokens"]

PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Language:
    """The lexical surface of a language, and how it is run by default.

    Attributes:
        name: Its name, also on fences.
        title: What prompts call it.
        extension: Of its files.
        line_comment: What begins a comment that ends with the line; empty: none.
        block_comment: What encloses a comment; empty: none.
        directives: Whether a line that begins with # stands for itself, as for C's preprocessor.
        compile: Command that compiles `{file}` to `program`; empty: none is needed.
        run: Command that runs it; empty: it is not run by default.
        code: Whether it is code: layout does not count then, and brackets have to balance.
        subprocesses: Whether programs may start others by default: without, a shell could do little.
    """

    name: str
    title: str
    extension: str
    line_comment: str = ""
    block_comment: tuple[str, str] | tuple[()] = ()
    directives: bool = False
    compile: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    code: bool = True
    subprocesses: bool = False

    @property
    def file(self) -> str:
        """Name of the file that a program is stored in where it is run."""
        return f"program{self.extension}"


_SLASHES = ("/*", "*/")
_BINARY = ("./program",)
LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(PYTHON, "Python", ".py", "#"),
        Language(
            "c", "C", ".c", "//", _SLASHES, True, ("cc", "-O2", "-o", "program", "{file}", "-lm"), _BINARY
        ),
        Language(
            "cpp", "C++", ".cpp", "//", _SLASHES, True, ("c++", "-O2", "-o", "program", "{file}"), _BINARY
        ),
        Language(
            "rust", "Rust", ".rs", "//", _SLASHES, False, ("rustc", "-O", "-o", "program", "{file}"), _BINARY
        ),
        Language("javascript", "JavaScript", ".js", "//", _SLASHES, run=("node", "{file}")),
        Language("shell", "shell", ".sh", run=("sh", "{file}"), code=False, subprocesses=True),
        Language("text", "plain text", ".txt", code=False),
    )
}

_STRING = r'"(?:\\.|[^"\\\n])*+"?'
"""One that is not closed ends with its line; else it would be scanned anew from every quote in it."""
_CHARACTER = r"'(?:\\.|[^'\\\n])'"
_TOKEN = re.compile(
    _STRING
    + "|"
    + _CHARACTER
    + r"|0[xX][\da-fA-F]++\w*|(?:\d++\.?\d*|\.\d++)(?:[eE][+-]?\d++)?[a-zA-Z_]*|[^\W\d]\w*"
    r"|<<=|>>=|\.\.\.|\.\.=|->|=>|::|\+\+|--|&&|\|\||<<|>>|[-+*/%&|^!=<>]=|[^\w\s]"
)


def tokens(text: str, language: Language) -> list[str]:
    """Return the words, numbers, strings and signs of a text, without comments."""
    return _TOKEN.findall(_without_comments(text, language))


def code_lines(text: str, language: Language) -> list[str]:
    """Return the lines that hold more than white space and comments."""
    return [line for line in _without_comments(text, language).split("\n") if line.strip()]


def code_hash(text: str, language: Language) -> bytes:
    """Return 16 bytes that are equal for texts that differ in layout and comments only.

    For what is no code, layout is content: only white space at the ends of lines and of the text is ignored.
    A preprocessor's line stays a line of its own.
    """
    if language.code:
        lines = code_lines(text, language)
        parts: list[str] = []
        for line in lines:
            alone = language.directives and (line.lstrip().startswith("#") or line.rstrip().endswith("\\"))
            parts += ["\n", *_TOKEN.findall(line), "\n"] if alone else _TOKEN.findall(line)
        content = "\0".join(parts)
    else:
        content = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n"))
    key = f"{language.name}\0{content}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(key, digest_size=16).digest()


def _without_comments(text: str, language: Language) -> str:
    text = text.replace("\r\n", "\n")
    return _comments(language).sub(_blank, text) if language.line_comment else text


def _comments(language: Language) -> re.Pattern[str]:
    """Return a pattern of strings and comments; linear in time, hence the possessive repeats."""
    parts = [_STRING, _CHARACTER, re.escape(language.line_comment) + r"[^\n]*+"]
    if language.block_comment:
        start, end = map(re.escape, language.block_comment)
        parts.append(rf"{start}(?:(?!{end})[\s\S])*+(?:{end})?")
    return re.compile("|".join(parts))  # `re` keeps what it has compiled


def _blank(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] in "\"'":
        return found
    return " " + "\n" * found.count("\n")
