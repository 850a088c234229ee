"""The control: what the engine does, what can be asked of it, and what it answered."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal

from evolve.tui._actions import ACTIONS, bindings
from evolve.tui._pane import Pane
from evolve.tui.control._ask import MAY_ALWAYS, AskEngine
from evolve.tui.data._control import READ_ONLY, pulse_lines, request_row
from evolve.tui.data._text import cut, one_line
from evolve.tui.widgets import Panel, Rows

_ASKS = {"stop_run": "stop"}
"""Actions whose names are not those of the requests."""


class ControlPane(Pane):
    """Steer a running engine."""

    AREA = "control"
    BINDINGS = bindings("control")
    DEFAULT_CSS = """
    ControlPane #top { height: auto; }
    ControlPane #engine { width: 1fr; }
    ControlPane #keys { width: 1fr; }
    ControlPane.-narrow #keys { display: none; }
    ControlPane Rows { height: 1fr; min-height: 4; }
    """

    def compose(self) -> ComposeResult:
        """Lay out the engine's state, the keys, and the requests."""
        with Horizontal(id="top"):
            yield Panel("engine", id="engine")
            yield Panel("what can be asked of it", id="keys")
        yield Rows(id="requests")

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.query_one("#requests").focus()

    def draw(self) -> None:
        """See `Pane.draw`."""
        run = self.run
        self.set_class(self.size.width < 100, "-narrow")
        self.query_one("#engine", Panel).show(pulse_lines(run.pulse, running=run.running))
        self.query_one("#keys", Panel).show(self._keys())
        requests = run.requests[::-1]
        heads = [
            Text("requests and answers, the latest first" if requests else self._nothing(), "bold", end="")
        ]
        self.query_one("#requests", Rows).show(
            len(requests), lambda index: request_row(requests[index]), heads=heads, width=160
        )

    def _nothing(self) -> str:
        if self.run.trouble:
            return one_line(f"the requests cannot be read: {self.run.trouble}", 300)
        return "nothing was asked of this engine yet" if self.run.running else READ_ONLY

    def _keys(self) -> list[Text]:
        which = f"program {self.selected}" if self.selected else "the selected program"
        lines = []
        for action in ACTIONS["control"]:
            live = self.run.running or action.name in MAY_ALWAYS
            key = self.app.get_key_display(
                next(iter(action.binding("control").make_bindings([action.binding("control")])))
            )
            verb = action.verb.replace("the selected program", which)
            lines.append(
                Text(cut(f"{key:<4}{verb}{'' if live else '  (not now)'}", 60), "" if live else "dim", end="")
            )
        return lines

    def watch_selected(self) -> None:
        """Say which program is meant."""
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See `textual.dom.DOMNode.check_action`: without an engine, asking is greyed out."""
        if action in {known.name for known in ACTIONS["control"]} and action not in MAY_ALWAYS:
            return True if self.run.running else None
        return super().check_action(action, parameters)

    def _ask(self, action: str) -> None:
        self.post_message(AskEngine(_ASKS.get(action, action), self.selected))

    def action_pause(self) -> None:
        """Pause the engine."""
        self._ask("pause")

    def action_resume(self) -> None:
        """Let the engine go on."""
        self._ask("resume")

    def action_stop_run(self) -> None:
        """Stop the engine cleanly."""
        self._ask("stop_run")

    def action_workers(self) -> None:
        """Change the number of workers."""
        self._ask("workers")

    def action_inject(self) -> None:
        """Put a program into the run."""
        self._ask("inject")

    def action_pin(self) -> None:
        """Pin the selected program."""
        self._ask("pin")

    def action_unpin(self) -> None:
        """Unpin the selected program."""
        self._ask("unpin")

    def action_ban(self) -> None:
        """Ban the selected program."""
        self._ask("ban")

    def action_unban(self) -> None:
        """Unban the selected program."""
        self._ask("unban")

    def action_export(self) -> None:
        """Export the selected program."""
        self._ask("export")
