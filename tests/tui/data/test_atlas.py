from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evolve.engine._rows import event_row
from evolve.errors import EvolveError, ProblemError
from evolve.islands import load_preset
from evolve.store import Batch, Viewer, Writer
from evolve.tui.data._about import about, config_of
from evolve.tui.data._atlas import Atlas, preset_of
from tests.tui.runs import Made, make_run

AT = {"asked_at": "", "commits": 120}


def atlas_of(folder: Path) -> Atlas:
    return Atlas(about(folder), preset_of(config_of(folder)))


def assert_as_in_the_engine(atlas: Atlas, made: Made) -> None:
    sign = made.problem.spec.objective.sign
    for index, island in enumerate(made.state.archipelago.islands):
        elites, found = island.archive.elites(), atlas.island(index)
        assert found.ids.tolist() == elites.ids.tolist()
        assert found.cells.tolist() == elites.cells.tolist()
        assert (found.objective == sign * elites.fitness).all()
        assert (found.points == elites.measures).all()
        assert found.bins == island.archive.bins
        assert found.qd_score == island.archive.qd_score
        assert found.revision == island.archive.revision
        assert found.count == island.archive.cells


@pytest.mark.parametrize("preset", ["single", "ring4", "heterogeneous", "explore_exploit", "tree"])
def test_archives_are_those_of_the_engine(tmp_path: Path, preset: str) -> None:
    made = make_run(tmp_path / "run", 700, preset=preset)
    atlas = atlas_of(made.folder)
    with Viewer(made.folder) as viewer:
        for up_to in (1, 2, 39, 40, 41, 333, 700):  # whatever the polls happen to see
            while atlas.advance(viewer, up_to):
                pass
    assert_as_in_the_engine(atlas, made)


@pytest.mark.parametrize("topology", ["isolated", "random"])
def test_islands_that_begin_anew(tmp_path: Path, topology: str) -> None:
    preset = load_preset("explore_exploit")
    assert preset.migration is not None
    impatient = preset.migration.model_copy(update={"patience": 6, "topology": topology, "policy": "random"})
    made = make_run(tmp_path / "run", 900, preset=preset.model_copy(update={"migration": impatient}))
    atlas = atlas_of(made.folder)
    with Viewer(made.folder) as viewer:
        assert len(viewer.reseeded(0, 900)) > 3
        while atlas.advance(viewer, 900):
            pass
    assert_as_in_the_engine(atlas, made)


def test_bans_and_what_ends_them(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", 120, preset="single")
    archive = made.state.archipelago.islands[0].archive
    best = made.state.best
    assert best is not None
    writer = Writer(made.folder)
    for number, kind in enumerate(("ban", "unban", "ban"), 1):
        data = {
            "id": number,
            "kind": kind,
            "arguments": {"program": best[0]},
            "status": "done",
            "commits": 120,
        }
        writer.write(Batch(events=[event_row("request", 120, 1.0, {**data, "answer": "", **AT})]))
    refused = {"id": 9, "kind": "ban", "arguments": {"program": 1}, "status": "refused", "answer": "no"}
    writer.write(Batch(events=[event_row("request", 120, 1.0, {**refused, **AT})]))
    writer.close()
    taken = archive.remove(best[0])
    assert taken is not None
    archive.add_single(taken.id, taken.fitness, taken.measures)
    archive.remove(best[0])
    atlas = atlas_of(made.folder)
    with Viewer(made.folder) as viewer:
        assert not atlas.advance(viewer, 120)
    assert best[0] not in atlas.island(0).ids
    assert_as_in_the_engine(atlas, made)


def test_a_run_whose_problem_is_gone_says_so(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    folder.mkdir()
    config = (made.folder / "config.toml").read_text().replace('"circle_packing"', '"/nowhere/at_all"')
    (folder / "config.toml").write_text(config)
    known = about(folder)
    assert known.declared is None
    assert known.problem == "at_all"
    assert "cannot be read" in known.trouble
    with pytest.raises(ProblemError, match="archives cannot be drawn"):
        Atlas(known, preset_of(config_of(folder)))


def test_islands_that_do_not_fit_are_refused() -> None:
    with pytest.raises(EvolveError, match=r"config\.toml: islands"):
        preset_of({"islands": {"island": "many"}})


def test_a_snapshot_does_not_change(made: Made) -> None:
    atlas = atlas_of(made.folder)
    with Viewer(made.folder) as viewer:
        atlas.advance(viewer, 50)
        before = atlas.island(0)
        copy = before.ids.copy()
        atlas.advance(viewer, 400)
    assert np.array_equal(before.ids, copy)
