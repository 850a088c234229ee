"""Every action of the app, in one table: keys, names and explanations come from here alone."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a user can do.

    Attributes:
        name: Of the binding, in its area; and the method `action_<name>` of the widget that has it.
        keys: Separated by commas; what a user's keymap replaces.
        verb: What it does, as the command palette lists it behind its area.
        about: One sentence more.
        label: What stands in the line of keys at the bottom; empty: it is not there.
        call: What is called when it is not the method of that name.
    """

    name: str
    keys: str
    verb: str
    about: str
    label: str = ""
    call: str = ""

    def binding(self, area: str) -> Binding:
        """Return the binding of this action in an area."""
        return Binding(
            self.keys,
            self.call or self.name,
            self.label or self.verb,
            show=bool(self.label),
            tooltip=self.about,
            id=f"{area}.{self.name}",
        )


ACTIONS: dict[str, tuple[Action, ...]] = {
    "app": (
        Action("help", "question_mark,f1", "Show help", "Explain this screen and list its keys.", "help"),
        Action(
            "command_palette", "ctrl+p,colon", "Find a command", "Search all commands by name.", "commands"
        ),
        Action("overview", "1", "Go to the overview", "How the run stands.", call="pane('overview')"),
        Action(
            "archive", "2", "Go to the archive", "The elites of each island as a map.", call="pane('archive')"
        ),
        Action("programs", "3", "Go to the programs", "All programs in a table.", call="pane('programs')"),
        Action(
            "lineage",
            "4",
            "Go to the lineage",
            "How the selected program came to be.",
            call="pane('lineage')",
        ),
        Action(
            "picture", "5", "Go to the picture", "What the selected program produced.", call="pane('picture')"
        ),
        Action(
            "control",
            "6",
            "Go to the control",
            "Pause, resume, stop and steer a running engine.",
            call="pane('control')",
        ),
        Action("runs", "7", "Go to the runs", "Other runs, and a comparison with them.", call="pane('runs')"),
        Action("next_pane", "right_square_bracket,ctrl+right", "Go to the next pane", "One to the right."),
        Action(
            "previous_pane", "left_square_bracket,ctrl+left", "Go to the previous pane", "One to the left."
        ),
        Action("open_best", "b", "Open the best program", "Show the page of the best program so far."),
        Action("open_number", "o", "Open a program by its number", "Ask for a number and show that page."),
        Action("dark", "ctrl+t", "Switch between light and dark", "Change the colours of the app."),
        Action("change_theme", "f8", "Choose a theme", "Choose among all colour themes."),
        Action("snapshot", "ctrl+s", "Save a picture of the screen", "Write the screen as an SVG file."),
        Action("quit", "q", "Quit", "Leave the app; a run in progress goes on.", "quit"),
    ),
    "list": (
        Action("up", "up,k", "Move up", "One row up."),
        Action("down", "down,j", "Move down", "One row down."),
        Action("page_up", "pageup,ctrl+b,ctrl+u", "Move a page up", "As many rows up as are shown."),
        Action("page_down", "pagedown,ctrl+f,ctrl+d", "Move a page down", "As many rows down as are shown."),
        Action("first", "home,g", "Move to the first row", "To the top."),
        Action("last", "end,G", "Move to the last row", "To the bottom."),
        Action("left", "left,h", "Scroll left", "Show what is cut off at the left."),
        Action("right", "right,l", "Scroll right", "Show what is cut off at the right."),
        Action("choose", "enter", "Open the selected row", "Show more of it.", "open"),
    ),
    "overview": (
        Action(
            "zoom",
            "z",
            "Change the scale of the curve",
            "Without the first steep steps, all of it, or the gap to the best reference (logarithmic).",
            "scale",
        ),
        Action("axis", "x", "Change what the curve runs over", "Evaluations or time.", "axis"),
    ),
    "archive": (
        Action("open", "enter", "Open the elite under the cursor", "Show its page.", "open"),
        Action(
            "next_island", "i", "Show the next island", "Each island has an archive of its own.", "island"
        ),
        Action("previous_island", "I", "Show the previous island", "Each island has an archive of its own."),
        Action(
            "measures",
            "m",
            "Show other measures",
            "The next pair of measures as the sides of the map.",
            "measures",
        ),
        Action(
            "curves",
            "v",
            "Show coverage and QD score over time",
            "In place of the map; again: the map.",
            "over time",
        ),
        Action("best", "e", "Move to the best elite of the island", "It is marked with a star.", "best"),
        Action("lineage", "t", "Show the lineage of the elite", "How it came to be.", "lineage"),
        Action("picture", "p", "Show the picture of the elite", "What it produced."),
    ),
    "board": (
        Action("scroll_up", "up,k", "Scroll up", "One line up."),
        Action("scroll_down", "down,j", "Scroll down", "One line down."),
        Action("page_up", "pageup,ctrl+b,ctrl+u", "Scroll a page up", "As many lines as are shown."),
        Action("page_down", "pagedown,ctrl+f,ctrl+d", "Scroll a page down", "As many lines as are shown."),
        Action("scroll_home", "home,g", "Scroll to the top", "To the first line."),
        Action("scroll_end", "end,G", "Scroll to the bottom", "To the last line."),
    ),
    "map": (
        Action("up", "up,k", "Move the cursor up", "To higher values of the vertical measure."),
        Action("down", "down,j", "Move the cursor down", "To lower values of the vertical measure."),
        Action("left", "left,h", "Move the cursor left", "To lower values of the horizontal measure."),
        Action("right", "right,l", "Move the cursor right", "To higher values of the horizontal measure."),
        Action("next_elite", "n", "Move to the next elite", "Row by row from the top."),
        Action("previous_elite", "N", "Move to the previous elite", "Row by row from the bottom."),
    ),
    "programs": (
        Action("filter", "slash", "Filter and search", "Say which programs to show.", "filter"),
        Action("clear", "c", "Clear the filter", "Show all programs again.", "clear"),
        Action(
            "sort",
            "s",
            "Sort by the next column",
            "Or click on the heading of a column.",
            "sort",
        ),
        Action(
            "sort_back", "S", "Sort by the previous column", "The heading with an arrow orders the table."
        ),
        Action("reverse", "r", "Reverse the order", "From low to high, or from high to low.", "reverse"),
        Action("lineage", "t", "Show the lineage of the selected program", "How it came to be.", "lineage"),
        Action("picture", "p", "Show the picture of the selected program", "What it produced.", "picture"),
    ),
    "lineage": (
        Action("follow", "space,f", "Show the lineage of the selected row", "Walk along the tree.", "follow"),
        Action("return", "backspace,escape", "Go back to the lineage before", "Undo the last step.", "back"),
        Action("best", "e", "Show the line to the best program", "From the seed on.", "best"),
        Action(
            "story",
            "v",
            "Tell it as a story",
            "The steps that reached a new height; again: the tree.",
            "story",
        ),
        Action("picture", "p", "Show the picture of the selected program", "What it produced.", "picture"),
    ),
    "picture": (
        Action("open", "enter", "Open the program", "Show its page.", "open"),
        Action("best", "e", "Show the picture of the best program", "Of all islands.", "best"),
        Action("again", "r", "Evaluate the program again", "In the sandbox, apart from the run.", "again"),
        Action("lineage", "t", "Show the lineage of the program", "How it came to be.", "lineage"),
    ),
    "control": (
        Action("pause", "p", "Pause the run", "What is in flight is finished; nothing new begins.", "pause"),
        Action("resume", "r", "Resume the run", "After a pause.", "resume"),
        Action("stop_run", "s", "Stop the run cleanly", "`evolve resume` can go on later.", "stop"),
        Action("workers", "w", "Change the number of workers", "Programs evaluated at once.", "workers"),
        Action("inject", "i", "Put in a program of your own", "Write it here or in your editor.", "inject"),
        Action("pin", "plus", "Pin the selected program", "It stays a possible parent.", "pin"),
        Action("unpin", "minus", "Unpin the selected program", "Undo the pin."),
        Action(
            "ban",
            "exclamation_mark",
            "Ban the selected program",
            "No archive keeps it, it is no parent any more.",
            "ban",
        ),
        Action("unban", "underscore", "Unban the selected program", "It is offered to its archives again."),
        Action(
            "export",
            "E",
            "Export the selected program",
            "Write it to a folder with its provenance.",
            "export",
        ),
    ),
    "runs": (
        Action("open", "enter", "Open the selected run", "Watch it in place of this one.", "open"),
        Action(
            "mark",
            "space,m",
            "Compare with the selected run",
            "Draw its curve too; again: do not.",
            "compare",
        ),
        Action("zoom", "z", "Change the scale of the comparison", "All of it, or its later part.", "scale"),
        Action("refresh", "r", "Read the list again", "New runs appear.", "refresh"),
    ),
    "dialog": (Action("back", "escape", "Go back", "Without an answer."),),
    "editor": (
        Action("send", "ctrl+s", "Put the program into the run", "The engine evaluates it soon.", "put in"),
        Action("outside", "ctrl+o,f4", "Edit in your own editor", "The one that EDITOR names.", "editor"),
        Action("back", "escape", "Go back", "What was written is dropped.", "back"),
    ),
    "help": (Action("back", "escape,question_mark,q,f1", "Close the help", "Go back.", "close"),),
    "program": (
        Action("back", "escape,backspace", "Go back", "Leave this page.", "back"),
        Action(
            "next_view", "tab,right_square_bracket", "Show the next view", "Source, diff, results ...", "view"
        ),
        Action(
            "previous_view", "shift+tab,left_square_bracket", "Show the previous view", "Source, diff ..."
        ),
        Action(
            "against",
            "a",
            "Compare with another program",
            "Its parents one by one, the best, the first seed.",
            "against",
        ),
        Action(
            "parent", "u", "Go to the main parent", "Show the page of the program it was made from.", "parent"
        ),
        Action("wrap", "w", "Wrap long lines", "Fold lines at the width of the screen, or not.", "wrap"),
        Action("next", "n", "Go to the next program", "The next one in the table's order."),
        Action("previous", "N", "Go to the previous program", "The one before in the table's order."),
        Action("lineage", "t", "Show the lineage", "How this program came to be.", "lineage"),
        Action("picture", "p", "Show the picture", "What this program produced.", "picture"),
        Action("pin", "plus", "Pin this program", "It stays a possible parent."),
        Action("ban", "exclamation_mark", "Ban this program", "It is no parent any more."),
        Action("export", "E", "Export this program", "Write it to a folder with its provenance.", "export"),
        Action("inject", "i", "Put in a changed copy of this program", "Write it here or in your editor."),
        Action("copy", "y", "Copy the text shown", "To the terminal's clipboard."),
    ),
}
"""By area: the app as a whole, lists, and each pane."""


def bindings(*areas: str) -> list[BindingType]:
    """Return the bindings of the actions of some areas."""
    return [action.binding(area) for area in areas for action in ACTIONS[area]]


def binding_ids() -> dict[str, str]:
    """Return the default keys of every binding, by its id."""
    return {f"{area}.{action.name}": action.keys for area, actions in ACTIONS.items() for action in actions}
