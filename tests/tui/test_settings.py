from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import UsageError
from evolve.tui._actions import binding_ids
from evolve.tui._settings import SETTINGS_VARIABLE, Settings, check_keys, load_settings

THEMES = ("textual-dark", "textual-light", "nord")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tui.toml"
    monkeypatch.setenv(SETTINGS_VARIABLE, str(path))
    return path


def test_without_a_file_all_is_as_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTINGS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_settings(THEMES) == Settings()


def test_the_users_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTINGS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "evolve").mkdir()
    (tmp_path / "evolve" / "tui.toml").write_text('theme = "nord"\n')
    assert load_settings(THEMES).theme == "nord"


def test_a_file_is_read(file: Path) -> None:
    file.write_text('theme = "nord"\nperiod_s = 2.0\n[keys]\n"programs.sort" = "f2,ctrl+o"\n')
    assert load_settings(THEMES) == Settings(theme="nord", period_s=2.0, keys={"programs.sort": "f2,ctrl+o"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('theme = "purple"', "theme: must be one of textual-dark"),
        ("period_s = 0", "period_s"),
        ("colour = 1", "colour"),
        ('[keys]\n"programs.srot" = "o"', r"keys\.programs\.srot: there is no such action.*programs\.sort"),
        ('[keys]\n"programs.sort" = "o,"', "must be keys separated by commas"),
        ('[keys]\n"programs.sort" = "slash"', "'slash' does programs.filter already"),
        ('[keys]\n"programs.sort" = "1"', "'1' does app.overview already"),
        ("theme = [", "tui.toml"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_settings(THEMES)


@pytest.mark.usefixtures("file")
def test_a_named_file_must_be_there() -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        load_settings(THEMES)


def test_keys_may_be_swapped() -> None:
    check_keys({"programs.sort": "r", "programs.reverse": "s"})


def test_a_key_that_two_actions_share_as_they_come_may_stay() -> None:
    check_keys({"app.quit": "q,ctrl+q"})  # q closes the help too
    with pytest.raises(UsageError, match=r"'escape' does app\.quit already"):
        check_keys({"app.quit": "q,escape"})


def test_all_keys_of_ours_may_be_named() -> None:
    check_keys({name: f"ctrl+f{number}" for number, name in enumerate(binding_ids())})
