"""Render templates to messages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evolve._toml import suggest
from evolve.models import Message
from evolve.prompts._context import ProblemView, PromptContext
from evolve.prompts._filters import clean, cut
from evolve.prompts._fit import Rendered, estimate, fit
from evolve.prompts._sample import full_context, minimal_context
from evolve.prompts._sources import OPERATORS, SHARED, read_sources, replaced

if TYPE_CHECKING:
    from evolve.prompts._environment import Templates

REPLY_CHARS = 12_000
"""What is sent back of a reply that could not be used."""

_NEEDED = {"model_crossover": ("parent", "other"), "repair": ("failure",), "reflect": ()}
"""The programs that a template cannot do without, where that is not the parent alone."""

_CONTEXT = tuple(field.name for field in fields(PromptContext))
_RETRY = ("reason", "template")


class Prompts:
    """Renders templates to messages.

    A conversation is a function of the templates, the context and the limit. Texts that come from programs or
    models can neither leave their fence nor act as a template. One instance serves one event loop.
    """

    def __init__(
        self,
        overrides: Sequence[Path] = (),
        *,
        max_tokens: int = 16_000,
        count: Callable[[str], int] = estimate,
    ) -> None:
        """Read the templates, and try those that replace shipped ones.

        Args:
            overrides: Existing folders whose templates replace shipped ones of the same name, the one
                that counts most first.
            max_tokens: Longest conversation, in tokens.
            count: Counts the tokens of a text.

        Raises:
            ProblemError: a template in a problem's folder is wrong.
            UsageError: a template in another folder is wrong.
        """
        self._sources = read_sources(overrides)
        self._max_tokens = max_tokens
        self._count = count
        self._said: tuple[ProblemView, str] | None = None
        if replaced(self._sources):
            self._check()

    def messages(self, name: str, context: PromptContext) -> tuple[Message, ...]:
        """Return the conversation that a template makes of a context: a system and a user message.

        When it would be too long, the context's least important parts are left out; see `_fit.py`.

        Args:
            name: The template, one of `OPERATORS`.
            context: What may be shown.

        Raises:
            ValueError: there is no such template, or the context lacks a program that it is about.
            PromptTooLong: the conversation exceeds the limit whatever is left out.
        """
        return self._fit(name, context, lambda shown: self._begin(name, shown))

    def retry(self, name: str, context: PromptContext, reply: str, reason: str) -> tuple[Message, ...]:
        """Return the conversation continued after a reply that could not be used.

        The first messages are those of `messages`, unless the longer conversation makes more be left out.

        Args:
            name: The template that the reply answers.
            context: The context that it was rendered from.
            reply: The reply; its middle is left out beyond `REPLY_CHARS` characters.
            reason: Why it could not be used, or what is known about the program already.

        Raises:
            ValueError: there is no such template, or the context lacks a program that it is about.
            PromptTooLong: the conversation exceeds the limit whatever is left out.
        """
        # no provider accepts an empty message
        answer = Message("assistant", cut(clean(reply).strip(), REPLY_CHARS) or "(an empty reply)")

        def render(shown: PromptContext) -> tuple[Message, ...]:
            last = self._render("retry", shown, reason=reason, template=name)
            return (*self._begin(name, shown), answer, Message("user", last))

        return self._fit(name, context, render)

    def digest(self) -> str:
        """Return a hash of all templates in force; equal digests make equal prompts of equal contexts."""
        found = hashlib.sha256()
        for name, source in sorted(self._sources.items()):
            found.update(f"{name}\0{source.text}\0".encode())
        return found.hexdigest()

    @staticmethod
    def list_templates() -> tuple[str, ...]:
        """Return the names of all templates that a folder may replace, without their suffix."""
        return (*OPERATORS, *SHARED)

    @cached_property
    def _templates(self) -> Templates:
        from evolve.prompts._environment import Templates  # jinja2 takes 30 ms to import

        return Templates(self._sources, (*_CONTEXT, *_RETRY))

    def _fit(
        self, name: str, context: PromptContext, render: Callable[[PromptContext], tuple[Message, ...]]
    ) -> tuple[Message, ...]:
        _check_request(name, context)

        def measure(shown: PromptContext) -> Rendered:
            messages = render(shown)
            return Rendered(messages, sum(self._count(message.content) for message in messages))

        return fit(name, context, measure, self._max_tokens, self._count).messages

    def _begin(self, name: str, context: PromptContext) -> tuple[Message, ...]:
        return (Message("system", self._system(context)), Message("user", self._render(name, context)))

    def _system(self, context: PromptContext) -> str:
        """Render the system message; the shipped one shows nothing but the problem, so once is enough."""
        if replaced(self._sources):
            return self._render("system", context)
        if self._said is None or self._said[0] is not context.problem:
            self._said = (context.problem, self._render("system", context))
        return self._said[1]

    def _render(self, name: str, context: PromptContext, **more: str) -> str:
        variables = {field: getattr(context, field) for field in _CONTEXT}
        # cleaned as a whole too: a template of a user's own may show a text without a filter
        return clean(self._templates.render(name, variables | more)).strip() + "\n"

    def _check(self) -> None:
        """Try every template: one that is replaced may break those that refer to it."""
        self._templates.check_names()
        for name in OPERATORS:
            for context in (full_context(), minimal_context(*_needed(name))):
                self._begin(name, context)
                self._render("retry", context, reason="It does not parse.", template=name)


def _needed(name: str) -> tuple[str, ...]:
    return _NEEDED.get(name, ("parent",))


def _check_request(name: str, context: PromptContext) -> None:
    if name not in OPERATORS:
        raise ValueError(
            f"no template {name!r}.{suggest(name, OPERATORS)} There are: {', '.join(OPERATORS)}."
        )
    for program in _needed(name):
        if getattr(context, program) is None:
            raise ValueError(f"the template {name!r} needs context.{program}, got None.")
