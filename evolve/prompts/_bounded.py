"""An environment for templates that somebody else wrote: what they can do is bounded in time and memory."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

from jinja2 import Template, TemplateRuntimeError, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_TEXT = 4_000_000
"""Characters of a rendered template, and of any value within it."""
MOST_MADE = 100_000_000
"""Characters of all that is made on the way, in sum."""
MOST_STEPS = 200_000
"""Rounds of loops, calls, filters and operators."""

_MOST_BITS = 10_000
_MOST_AT_ONCE = 200_000_000
"""Characters that one function could make, if it put each of its arguments into every place of the others."""
_PART = 100
"""What each part of a value counts, for the time to look at it."""
_WIDE = re.compile(r"\d{5,}|\*|\{[^{}]*\{")
"""In a format: a field of ten thousand characters, or one whose width is a value."""
_CHECK, _COUNT, _ENTER = "_check", "_count", "_enter"


class TooMuch(TemplateRuntimeError):  # noqa: N818 - shown to the author of a template, not raised to callers
    """A template exceeds a bound."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Keeps templates away from Python's internals, and from taking memory or time without end.

    The sandbox of Jinja does the former alone. Here every operator, call, filter, loop and output is counted
    before it is done, by the largest that can come of it. One instance renders one template at a time.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        """Take the options of `jinja2.Environment`."""
        super().__init__(finalize=self._checked, **options)
        del self.globals["lipsum"]  # makes any number of words
        self._steps = 0
        self._made = 0
        self.add_filters(self.filters)
        self.filters |= {_CHECK: self._checked, _COUNT: self._counted, _ENTER: self._entered}

    def add_filters(self, filters: Mapping[str, Any]) -> None:
        """Add filters, all of whose uses are counted."""
        self.filters |= {name: self._bounded(name, function) for name, function in filters.items()}

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """Render a template of this environment.

        Raises:
            TooMuch: it exceeds a bound.
        """
        self._steps = self._made = 0
        parts: list[str] = []
        left = MOST_TEXT
        stream: Any = template.generate(variables)
        for part in stream:
            left -= len(part)
            if left < 0:
                # raised in there, so that its traceback has the line of the template
                stream.throw(TooMuch(f"makes a text of more than {MOST_TEXT} characters"))
            parts.append(part)
        return "".join(parts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """See `SandboxedEnvironment.call_binop`."""
        match operator, left, right:
            case "%", str() | bytes(), _:
                self._check_format(left)
                self._take(_size(left) + _size(right))
            case "**", int(), int():
                _check_bits(left.bit_length() * abs(right))
            case "*", int(), int():
                _check_bits(left.bit_length() + right.bit_length())
            case "*", int(), _:
                self._take(left * _size(right))
            case "*", _, int():
                self._take(_size(left) * right)
            case _:
                self._take(_size(left) + _size(right))
        self._step()
        return super().call_binop(context, operator, left, right)

    def call(
        __self,  # noqa: N805 - as in Jinja: keyword arguments may have any name
        __context: Context,
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """See `SandboxedEnvironment.call`."""
        __self._step()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str | bytes | int | list | tuple | dict):
            if isinstance(owner, str) and getattr(__obj, "__name__", "") in ("format", "format_map"):
                __self._check_format(owner)
            __self._check_product((owner, *args, *kwargs.values()))
        elif __obj is not __self.globals["range"]:  # which has a bound of its own
            __self._take(sum(map(_size, (*args, *kwargs.values()))))
        result = super().call(__context, __obj, *args, **kwargs)
        __self._take(_size(result))
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """See `SandboxedEnvironment.wrap_str_format`."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            wrapped.__self__ = value.__self__  # type: ignore[attr-defined]
        return wrapped

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """Put counters into the tree of a template before it is compiled."""
        for concat in list(source.find_all(nodes.Concat)):
            concat.nodes = [_filtered(node, _CHECK) for node in concat.nodes]
        for loop in list(source.find_all(nodes.For)):
            data = sum(len(node.data) for node in loop.find_all(nodes.TemplateData))
            loop.iter = _filtered(loop.iter, _COUNT, nodes.Const(data, lineno=loop.lineno))
        kinds = (nodes.Include, nodes.Import, nodes.FromImport)
        for entered in [node for kind in kinds for node in source.find_all(kind)]:
            assert isinstance(entered, nodes.Include | nodes.Import | nodes.FromImport)
            entered.template = _filtered(entered.template, _ENTER)
        return super()._generate(source, *args, **kwargs)

    def _bounded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        # what a filter is given beside the value by Jinja itself
        first = 1 if hasattr(function, "jinja_pass_arg") else 0

        @functools.wraps(function)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            self._step()
            if name == "format":
                self._check_format(str(args[first]))
            self._check_product((*args[first:], *kwargs.values()))
            result = function(*args, **kwargs)
            if isinstance(result, Iterator):
                return self._counted(result, 0)
            self._take(_size(result))
            return result

        return bounded

    def _checked(self, value: Any) -> Any:
        """Let a value pass that is going to be text."""
        self._take(_size(value))
        return value

    def _entered(self, template: Any) -> Any:
        """Let a template be included or imported."""
        self._step()
        self._take(MOST_TEXT // 1000)
        return template

    def _counted(self, value: Any, data: int) -> Any:
        """Let a loop run over a value; `data` is the length of the text that each round adds."""
        if not isinstance(value, Sized):
            return self._each(value, data)
        self._step(len(value))
        self._take(len(value) * data)
        return value

    def _each(self, values: Iterable[Any], data: int) -> Iterator[Any]:
        for value in values:
            self._step()
            self._take(data + _size(value))
            yield value

    def _check_format(self, text: str | bytes) -> None:
        shown = text if isinstance(text, str) else text.decode("latin-1")
        if _WIDE.search(shown.replace("%%", "")):
            raise TooMuch("a format may not be wider than 9999 characters, nor take its width from a value")

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > MOST_STEPS:
            raise TooMuch(f"takes more than {MOST_STEPS} steps. Loop over less")

    def _check_product(self, values: Iterable[Any]) -> None:
        """Refuse a call whose arguments would allow for a huge result."""
        sizes = [abs(value) if isinstance(value, int) else _size(value) for value in values]
        if math.prod(max(1, size) for size in sizes) > _MOST_AT_ONCE:
            raise TooMuch(
                f"might make a text of more than {_MOST_AT_ONCE} characters in all. Make shorter ones"
            )

    def _take(self, size: int) -> None:
        self._made += max(0, size)
        if size > MOST_MADE or self._made > MOST_MADE:
            raise TooMuch(f"makes texts of more than {MOST_MADE} characters in all. Make shorter ones")


def _filtered(node: Any, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(
        node, name, list(args), [], None, None, lineno=node.lineno, environment=node.environment
    )


def _check_bits(bits: int) -> None:
    if bits > _MOST_BITS:
        raise TooMuch(f"makes a number of more than {_MOST_BITS} bits")


def _size(value: Any) -> int:
    """Return about how many characters a value has as text; no more than one past the limit."""
    if isinstance(value, str):  # nearly always
        return len(value) + 1
    size, waiting = 0, [value]
    while waiting and size <= MOST_MADE:
        each = waiting.pop()
        size += _PART
        if isinstance(each, str | bytes | range):
            size += len(each)
        elif each is None or isinstance(each, int | float):
            continue
        elif isinstance(each, list | tuple | set | frozenset):
            waiting += each
        elif isinstance(each, Mapping):
            waiting += [*each.keys(), *each.values()]
        elif hasattr(type(each), "__dataclass_fields__"):
            waiting += [getattr(each, name) for name in type(each).__dataclass_fields__]
    return size
