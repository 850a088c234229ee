"""A Textual app that says what happens to it; started as a process."""

from __future__ import annotations

import io
import os
import sys

from textual.app import App, ComposeResult
from textual.widgets import Button, Label


class LittleApp(App[None]):
    CSS = "Button { width: 20; height: 5; }"

    def compose(self) -> ComposeResult:
        yield Button("Press here")
        yield Label("nothing yet", id="said", markup=False)

    def say(self, text: str) -> None:
        self.query_one("#said", Label).update(text)

    def on_mount(self) -> None:
        self.say(f"pid={os.getpid()};")

    def on_button_pressed(self) -> None:
        self.say("was pressed")

    def key_e(self) -> None:
        self.say("env=" + " ".join(sorted(os.environ)) + ";")

    def key_d(self) -> None:
        self.deliver_text(io.StringIO("what was delivered"), save_filename="a b;.svg", open_method="browser")

    def key_o(self) -> None:
        self.open_url("http://127.0.0.1:1/elsewhere")
        self.say("asked")

    def key_s(self) -> None:
        self.say(f"size={self.size.width}x{self.size.height};")

    def key_q(self) -> None:
        self.exit()


if __name__ == "__main__":
    if "--watch-server" in sys.argv:
        from evolve.tui.web._child import end_with_server

        end_with_server()
    LittleApp().run()
