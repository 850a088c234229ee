"""The user's settings of the app: keys and colours, checked before anything is shown."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from evolve._toml import load_toml, suggest
from evolve.errors import UsageError
from evolve.tui._actions import ACTIONS, binding_ids

SETTINGS_VARIABLE = "EVOLVE_TUI"
"""Names the file of settings."""


class Settings(BaseModel):
    """`tui.toml`: every key is optional, unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    theme: str = "textual-dark"
    """Name of a colour theme; the command "app: Choose a theme" lists them."""
    period_s: float = Field(default=0.5, ge=0.1, le=60.0)
    """Seconds between two looks at the store."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Keys by the id of what they do, such as `"programs.sort" = "f2,ctrl+o"`; the help names the ids."""


def settings_path() -> Path:
    """Return where the settings are: the file that the variable names, else the one in the user's folder."""
    named = os.environ.get(SETTINGS_VARIABLE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "evolve" / "tui.toml"


def load_settings(themes: tuple[str, ...]) -> Settings:
    """Read the settings; without a file all is as it comes.

    Args:
        themes: Names of the themes that there are.

    Raises:
        UsageError: the file does not fit, names what there is not, or gives one key to two actions.
    """
    path = settings_path()
    if not path.is_file():
        if os.environ.get(SETTINGS_VARIABLE):
            raise UsageError(f"{path}: there is no such file; {SETTINGS_VARIABLE} names it.")
        return Settings()
    found = load_toml(path, Settings, UsageError)
    if found.theme not in themes:
        raise UsageError(f"{path}: theme: must be one of {', '.join(themes)}, got {found.theme!r}.")
    try:
        check_keys(found.keys)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return found


def check_keys(keys: dict[str, str]) -> None:
    """Refuse keys for actions that there are not, and one key for two actions of a screen.

    Raises:
        UsageError: says which, and what would fit.
    """
    known = binding_ids()
    for name, value in keys.items():
        if name not in known:
            raise UsageError(
                f"keys.{name}: there is no such action.{suggest(name, known)} The help lists them."
            )
        if not all(_parts(value)):
            raise UsageError(f"keys.{name}: must be keys separated by commas, got {value!r}.")
    chosen = {**known, **keys}
    for area in ACTIONS:
        taken: dict[str, str] = {}
        for name, value in chosen.items():
            if name.split(".", 1)[0] not in (area, "app"):
                continue
            for key in _parts(value):
                other = taken.setdefault(key, name)
                shared = key in _parts(known[name]) and key in _parts(known[other])  # so it comes
                if other != name and not shared:
                    raise UsageError(f"keys.{name}: the key {key!r} does {other} already. Choose another.")


def _parts(keys: str) -> list[str]:
    return [part.strip() for part in keys.split(",")]
