"""The process behind a window: the app on a run, which ends when the server does.

The server starts `python -m evolve.tui.web._child RUN_FOLDER`. It writes to standard input and never closes
it, so that a hang-up there says that it is gone, killed perhaps.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from pathlib import Path

from evolve.errors import EvolveError


def end_with_server() -> None:
    """End this process at once when nobody holds the other end of standard input any more."""
    threading.Thread(target=_await_hangup, name="server-watch", daemon=True).start()


def _await_hangup() -> None:
    watch = select.poll()
    watch.register(0, 0)  # what is written there is the app's: only the hang-up counts here
    watch.poll()
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path) -> None:
    """Show a run."""
    from evolve.tui import watch

    try:
        watch(folder, folder.parent)
    except EvolveError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    end_with_server()
    main(Path(sys.argv[1]))
