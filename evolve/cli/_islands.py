"""`evolve islands`: the presets that a run can be given."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import out, plain, table
from evolve.islands import Preset, list_presets, load_preset, preset_path

PresetName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="Print this preset, or that of a .toml file, once checked.", show_default=False
    ),
]


def islands(name: PresetName = None, json: options.Json = False) -> None:
    """List the presets of islands and when to use each, or print one of them.

    A preset of your own is a copy with changes; `--islands` takes its path:

      evolve islands ring4 > mine.toml
      evolve islands ./mine.toml
      evolve run circle_packing --islands ./mine.toml
    """
    if name is not None:
        loaded = load_preset(name)
        if json:
            emit(loaded.model_dump(mode="json", exclude_none=True))
        else:
            out.print(plain(preset_path(name).read_text(encoding="utf-8").rstrip()), soft_wrap=True)
        return
    found = {preset: load_preset(preset) for preset in list_presets()}
    if json:
        emit([_row(preset, loaded) for preset, loaded in found.items()])
        return
    rows = [
        (preset, len(loaded.islands), _topology(loaded), loaded.archipelago.description)
        for preset, loaded in found.items()
    ]
    out.print(table(("preset", "islands", "topology", "use it"), rows, numeric=(1,), prose=(3,)))


def _row(name: str, preset: Preset) -> dict[str, Any]:
    return {
        "name": name,
        "title": preset.archipelago.title,
        "description": preset.archipelago.description,
        "islands": len(preset.islands),
        "topology": _topology(preset),
        "selections": [spec.selection["kind"] for spec in preset.islands],
    }


def _topology(preset: Preset) -> str:
    return "–" if preset.migration is None else preset.migration.topology
