"""The overview: the curve of the best score, the budget, islands, operators, workers, events."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive

from evolve.tui._actions import bindings
from evolve.tui._pane import Pane
from evolve.tui.data import _overview as said
from evolve.tui.data._control import pulse_lines
from evolve.tui.widgets import Board, Panel

_LEAST_CURVE = 9
_NARROW = 112
_EVENTS = 40


class Overview(Pane):
    """How the run stands."""

    AREA = "overview"
    BINDINGS = bindings("overview")
    DEFAULT_CSS = """
    Overview #board { height: 1fr; }
    Overview .side { width: 1fr; height: auto; }
    Overview.-narrow #halves { layout: vertical; height: auto; }
    Overview #halves { height: auto; }
    """
    scale: reactive[str] = reactive("close", init=False)
    axis: reactive[str] = reactive("evaluations", init=False)

    def compose(self) -> ComposeResult:
        """Lay out the panels."""
        with Board(id="board"):
            yield Panel("best", id="curve")
            with Horizontal(id="halves"):
                with Vertical(classes="side"):
                    yield Panel("budget", id="budget")
                    yield Panel("engine", id="engine")
                    yield Panel("islands", id="islands")
                    yield Panel("outcomes", id="outcomes")
                with Vertical(classes="side"):
                    yield Panel("operators", id="operators")
                    yield Panel("models", id="models")
                    yield Panel("latest events", id="events")

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.query_one("#board").focus()

    def draw(self) -> None:
        """See `Pane.draw`."""
        width, height = self.size.width, self.size.height
        if not width:
            return
        self.set_class(width < _NARROW, "-narrow")
        self._draw_curve(width, height)
        run = self.run
        room = (width if width < _NARROW else width // 2) - 6
        for name, lines in (
            ("budget", said.budget_lines(run)),
            ("engine", pulse_lines(run.pulse, running=run.running)),
            ("islands", said.island_lines(run)),
            ("outcomes", said.status_lines(run)),
            ("operators", said.arm_lines(run, room)),
            ("events", said.event_lines(run.events, _EVENTS, room)),
        ):
            self.query_one(f"#{name}", Panel).show(lines)
        models = self.query_one("#models", Panel)
        models.display = any(run.ledger.names["model"].texts)
        models.show([*said.arm_lines(run, room, "model"), *said.spent_on(run)])

    def _draw_curve(self, width: int, height: int) -> None:
        panel = self.query_one("#curve", Panel)
        panel.border_title = said.curve_title(self.run, self.scale)
        rows = max(_LEAST_CURVE, min(24, int(height * 0.45)))
        panel.show(said.best_curve(self.run, width - 6, rows, scale=self.scale, axis=self.axis))

    def watch_scale(self) -> None:
        """Draw the curve at another scale."""
        self._draw_curve(self.size.width, self.size.height)

    watch_axis = watch_scale

    def action_zoom(self) -> None:
        """Change the scale of the curve."""
        scales = said.SCALES if self.run.about.reference is not None else said.SCALES[:2]
        self.scale = scales[(scales.index(self.scale) + 1) % len(scales)]

    def action_axis(self) -> None:
        """Change what the curve runs over."""
        self.axis = "time" if self.axis == "evaluations" else "evaluations"
