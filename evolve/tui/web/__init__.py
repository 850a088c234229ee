"""The app in a browser: a window is a process of the app, and a secret is the key to all of it."""

from evolve.tui.web._serve import serve

__all__ = ["serve"]
