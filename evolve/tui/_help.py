"""The help of a screen: what it shows, and its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from evolve.tui._actions import ACTIONS, bindings
from evolve.tui.widgets import Rows

ABOUT: Mapping[str, str] = {
    "overview": """
How the run stands. The curve is the best score so far; dashed lines are the problem's reference values.
Operators: their share of the programs; how many were valid, kept by an archive, the best of their time; what
they gained for what they cost.""",
    "archive": """
The elites of one island over two of its measures. Each place of the map is a cell of the archive, its shade
the rank of the score. The star is the best elite, the brackets are the cursor.""",
    "programs": """
All programs of the run. Filter with / and words such as island:2 status:valid op:jitter model:gpt
score>2.6 age<600 kept:yes; source:text searches the programs themselves; any other word searches what the
operators said they changed.""",
    "lineage": """
How a program came to be: from the seed at the top along the main parents; ◂ are programs that gave a part, ▸
what was made from it. ▲ better, ▼ worse, = equal to the step before; ★ better than all before.""",
    "picture": """
What the program produced, as the problem draws it. It is evaluated again in the sandbox, apart from the run;
what stands out is drawn in bold.""",
    "control": """
What the engine does, and requests to it. A request is written to the run's folder; the engine obeys and
answers, usually within a second. Pinning, banning and exporting are about the selected program.""",
    "runs": """
The runs of this folder, the latest first. Mark some with Space to see their curves beside this one's.""",
    "program": """
One program: its source, what changed against a parent or the best, what its evaluation found, stages and
output, and what models were asked and answered.""",
    "editor": """
A program to put into the run, as if an operator had made it.""",
}
"""What each screen shows, by area."""


class Help(ModalScreen[None]):
    """Explains a screen.

    Args:
        area: Of the screen.
        areas: All areas whose keys work there, the nearest first.
        keys: Keys in force, by the id of the binding.
    """

    AREA = "help"
    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    Help { align: center middle; }
    Help Static { width: 90%; max-width: 100; height: auto; padding: 1 2 0 2; background: $surface;
                  border-top: round $primary; border-left: round $primary; border-right: round $primary; }
    Help Rows { width: 90%; max-width: 100; height: 70%; padding: 1 2;
                border: round $primary; border-top: none; }
    """

    def __init__(self, area: str, areas: Sequence[str], keys: Mapping[str, str]) -> None:
        super().__init__()
        self._area, self._areas, self._keys = area, tuple(areas), keys

    def compose(self) -> ComposeResult:
        """Lay out the explanation and the keys."""
        about = Text.assemble((f"{self._area}\n", "bold"), " ".join(ABOUT.get(self._area, "").split()))
        about.no_wrap = False
        yield Static(about, markup=False)
        yield Rows(cursor=False)

    def on_mount(self) -> None:
        """List the keys."""
        rows = self.query_one(Rows)
        rows.show_lines(key_lines(self._areas, self._keys))
        rows.focus()

    def action_back(self) -> None:
        """Close."""
        self.dismiss()


def key_lines(areas: Sequence[str], keys: Mapping[str, str]) -> list[Text]:
    """Return a line for each action of some areas: keys, what it does, and its id for the keymap."""
    lines = []
    for area in areas:
        lines.append(Text(_TITLES.get(area, area), "bold underline"))
        for action in ACTIONS[area]:
            name = f"{area}.{action.name}"
            shown = ", ".join(_shown(key) for key in keys.get(name, action.keys).split(","))
            line = Text(f"{shown:<18} ", "bold", end="")
            line.append(f"{action.verb}. ").append(action.about, "dim").append(f"  [{name}]", "dim italic")
            lines.append(line)
        lines.append(Text(""))
    return lines


_TITLES = {"app": "everywhere", "list": "in lists", "board": "scrolling", "map": "on the map"}
_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "underscore": "_",
    "exclamation_mark": "!",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "Esc",
    "space": "Space",
    "enter": "Enter",
    "backspace": "⌫",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}


def _shown(key: str) -> str:
    *held, last = key.strip().split("+") if key.strip() != "+" else [key]
    name = _NAMES.get(last, last if len(last) == 1 else last.capitalize())
    return "+".join([*(part.capitalize() for part in held), name])
