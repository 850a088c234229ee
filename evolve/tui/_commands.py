"""The command palette: every action of the app by name."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from evolve.tui._actions import ACTIONS, Action

if TYPE_CHECKING:
    from evolve.tui._app import EvolveApp

_UNLISTED = ("list", "board", "map", "dialog", "help")
"""Areas of keys that only move, or close what is open."""


class Commands(Provider):
    """Lists every action as `area: Verb`; those of a pane go there first."""

    def _all(self) -> list[tuple[str, Action, str]]:
        return [
            (area, action, f"{area}: {action.verb}")
            for area, actions in ACTIONS.items()
            if area not in _UNLISTED
            for action in actions
            if action.name != "command_palette"
        ]

    def _do(self, area: str, action: Action) -> partial[Coroutine[Any, Any, None]]:
        app: EvolveApp = self.app  # type: ignore[assignment]
        return partial(app.perform, area, action.call or action.name)

    async def discover(self) -> Hits:
        """See `textual.command.Provider.discover`."""
        for area, action, name in self._all():
            yield DiscoveryHit(name, self._do(area, action), help=action.about)

    async def search(self, query: str) -> Hits:
        """See `textual.command.Provider.search`."""
        matcher = self.matcher(query)
        for area, action, name in self._all():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), self._do(area, action), help=action.about)
