"""What needs jinja2; imported when the first prompt is rendered, so that other runs start without it."""

from __future__ import annotations

import dataclasses
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta, nodes
from jinja2.environment import TemplateModule
from jinja2.loaders import FunctionLoader

from evolve._toml import suggest
from evolve.errors import EvolveError, UsageError
from evolve.prompts._bounded import BoundedEnvironment
from evolve.prompts._filters import FILTERS
from evolve.prompts._sources import OPERATORS, SHARED, SUFFIX, Source, replaced


class Templates:
    """Compiles templates once and says what is wrong with them."""

    def __init__(self, sources: Mapping[str, Source], known: Iterable[str]) -> None:
        """Prepare to render.

        Args:
            sources: Template texts by name.
            known: Names of the variables that a template may use.
        """
        self._sources = sources
        self._own = replaced(sources)
        self._known = sorted(known)
        options: dict[str, Any] = {
            "loader": FunctionLoader(self._load),
            "undefined": _Unknown,
            "autoescape": False,
            "trim_blocks": True,
            "lstrip_blocks": True,
            "auto_reload": False,
            "cache_size": -1,
        }
        # Templates may have come with a downloaded problem. The shipped ones do without what bounds these.
        self._bounded = BoundedEnvironment(**options) if self._own else None
        self._environment = self._bounded or Environment(**options)
        if self._bounded is None:
            self._environment.filters.update(FILTERS)
        else:
            self._bounded.add_filters(FILTERS)
        self._compiled: dict[str, Template] = {}

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """Render a template.

        Raises:
            EvolveError: it is wrong; the text names the file, the line and the fix.
        """
        try:
            template = self._compiled.get(name)
            if template is None:
                template = self._compiled[name] = self._environment.get_template(name + SUFFIX)
            if self._bounded is not None:
                return self._bounded.render(template, variables)
            return template.render(variables)
        except Exception as error:  # noqa: BLE001 - it is a small program of a stranger's
            raise self._explain(error) from None

    def check_names(self) -> None:
        """Refuse names in replaced templates that nothing defines, in branches not taken as well.

        Raises:
            EvolveError: a template uses such a name, or none uses the template.
        """
        try:
            for name in self._own:  # compiled: only this tells in which file a filter is unknown
                self._environment.get_template(name)
            trees = self._used()
            used = set(trees)
            trees |= {name: self._parse(name) for name in self._own.keys() - used}
            free = {name: meta.find_undeclared_variables(trees[name]) for name in self._own}
        except Exception as error:  # noqa: BLE001 - what jinja2 makes of it, Python may refuse as well
            raise self._explain(error) from None
        known = {*self._known, *self._environment.globals}
        for tree in trees.values():
            known.update(_defined(tree))
        for name, source in self._own.items():
            for variable in sorted(free[name] - known):
                line = next(node.lineno for node in trees[name].find_all(nodes.Name) if node.name == variable)
                raise source.error(
                    f"{source.path}, line {line}: {variable!r} is unknown."
                    f"{suggest(variable, self._known)} Known: {', '.join(self._known)}."
                )
            if name not in used:
                raise source.error(
                    f"{source.path}: is used by no template.{suggest(name, used)} "
                    "Import, include or extend it in one, or remove it."
                )

    def _load(self, name: str) -> tuple[str, str, None] | None:
        source = self._sources.get(name)
        return None if source is None else (source.text, str(source.path), None)

    def _used(self) -> dict[str, nodes.Template]:
        """Parse the templates that are rendered, and those that they refer to."""
        waiting = [name + SUFFIX for name in (*OPERATORS, *SHARED)]
        found: dict[str, nodes.Template] = {}
        while waiting:
            name = waiting.pop()
            if name in self._sources and name not in found:
                found[name] = self._parse(name)
                waiting += [other for other in meta.find_referenced_templates(found[name]) if other]
        return found

    def _parse(self, name: str) -> nodes.Template:
        source = self._sources[name]
        return self._environment.parse(source.text, name, str(source.path))

    def _explain(self, error: Exception) -> EvolveError:
        """Turn what a template raised into an error for the one who wrote it."""
        sources = {str(source.path): source for source in self._sources.values()}
        if isinstance(error, TemplateSyntaxError):
            place = (error.filename or "", error.lineno)
            text = f"{(error.message or 'is no template').rstrip('.')}.{self._nearest(error)}"
        else:
            frames = [
                (frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)
            ]
            place = next((frame for frame in reversed(frames) if frame[0] in sources), ("", 0))
            text = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
            text = f"{text.rstrip('.')}."
        source = sources.get(place[0])
        where = f"{place[0]}, line {place[1]}" if source else "a prompt template"
        if self._own and source not in self._own.values():
            text += f" Replaced: {', '.join(str(each.path) for each in self._own.values())}."
        raised = source.error if source else UsageError
        return raised(f"{where}: {text} See docs/reference/prompts.md.")

    def _nearest(self, error: TemplateSyntaxError) -> str:
        """Suggest a filter or test for the unknown one that the error quotes."""
        quoted = re.search(r"No (?:filter|test) named '(\w+)'", error.message or "")
        return suggest(quoted[1], [*self._environment.filters, *self._environment.tests]) if quoted else ""


class _Unknown(StrictUndefined):
    """Says what is known instead of an unknown name."""

    __slots__ = ()
    __format__ = StrictUndefined._fail_with_undefined_error  # a filter may format what it is given

    @property
    def _undefined_message(self) -> str:
        name, owner = self._undefined_name, self._undefined_obj
        if self._undefined_hint or not isinstance(name, str):
            return super()._undefined_message
        if isinstance(owner, TemplateModule):
            known = [each for each in vars(owner) if not each.startswith("_")]
            text = f"{owner.__name__} has no macro {name!r}."
        elif dataclasses.is_dataclass(owner):
            known = [field.name for field in dataclasses.fields(owner)]
            text = f"{name!r} is unknown."
        elif isinstance(owner, Mapping):
            known = list(map(str, owner))
            text = f"{name!r} is unknown."
        else:
            return super()._undefined_message
        return f"{text}{suggest(name, known)} Known here: {', '.join(sorted(known)) or 'nothing'}."


def _defined(tree: nodes.Template) -> Iterator[str]:
    """List the names that a template defines, by `set`, `import`, `macro` or a loop."""
    for node in tree.find_all((nodes.Name, nodes.Import, nodes.FromImport, nodes.Macro)):
        if isinstance(node, nodes.Name) and node.ctx != "load":
            yield node.name
        elif isinstance(node, nodes.Import):
            yield node.target
        elif isinstance(node, nodes.Macro):
            yield node.name
        elif isinstance(node, nodes.FromImport):
            yield from (name if isinstance(name, str) else name[1] for name in node.names)
