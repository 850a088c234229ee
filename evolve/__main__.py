"""`python -m evolve`, and the command `evolve`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; an interruption while it is still being imported is no traceback either."""
    if sys.argv[1:] == ["--version"]:  # known without the second that importing the command line takes
        import evolve

        sys.stdout.write(f"{evolve.__version__}\n")
        return
    try:
        if sys.argv[1:2] == ["watch"]:
            from evolve.tui._command import main as run
        else:
            from evolve.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
