from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from evolve._toml import load_toml, suggest, validate
from evolve.errors import UsageError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    colour: str
    sizes: tuple[int, ...] = ()


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner
    others: tuple[Inner, ...] = ()
    values: dict[str, bool | int | float | str] = {}


def test_a_valid_file_becomes_the_model(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text("[inner]\ncolour = 'grün'\n[values]\na = 1\nb = true\nc = 'x'\n", encoding="utf-8")
    model = load_toml(path, Outer, UsageError)
    assert model == Outer(inner=Inner(colour="grün"), values={"a": 1, "b": True, "c": "x"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"inner = ",
            r"file\.toml: is not valid TOML: Invalid value \(at end of document\)\. Mend the syntax",
        ),
        (b"\xff", r"file\.toml: is not valid TOML: 'utf-8' codec can't decode byte 0xff"),
        (b"a = 1\na = 2", r"file\.toml: is not valid TOML: Cannot overwrite a value"),
        (b"", r"file\.toml: inner: is missing; add it\.$"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_toml(path, Outer, UsageError)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"file\.toml: cannot be read \(No such file or directory\)\. Check the"
    ):
        load_toml(tmp_path / "file.toml", Outer, UsageError)
    with pytest.raises(UsageError, match=r"cannot be read \(Is a directory\)"):
        load_toml(tmp_path, Outer, UsageError)


INNER = {"colour": "red"}


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({}, ["here: inner: is missing; add it."]),
        (
            {"inner": {"color": "red"}},
            [
                "here: inner.colour: is missing; add it.",
                "here: inner.color: unknown key (value 'red'). Did you mean 'colour'? "
                "Keys known here: colour, sizes.",
            ],
        ),
        (
            {"inner": INNER, "others": [INNER, INNER | {"size": 3}]},
            ["here: others[1].size: unknown key (value 3). Did you mean 'sizes'? "],
        ),
        (
            {"inner": INNER | {"sizes": [1, "x"]}},
            ["here: inner.sizes[1]: must be an integer, got 'x'."],
        ),
        (
            {"inner": INNER, "values": {"int": [], "good": 1, "b": {}}},
            [
                "here: values.int: must be a finite number, a text, true or false, got [].",
                "here: values.b: must be a finite number, a text, true or false.",
            ],
        ),
        ({"inner": INNER, "int": 1}, ["here: int: unknown key (value 1)."]),
    ],
)
def test_every_offending_key_has_one_line(data: dict[str, object], lines: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        validate(data, Outer, UsageError, where="here")
    found = str(caught.value).splitlines()
    assert len(found) == len(lines)
    assert all(line.startswith(start) for line, start in zip(found, lines, strict=True)), found


def test_suggestions_are_near_or_absent() -> None:
    assert suggest("colr", ["colour", "size"]) == " Did you mean 'colour'?"
    assert suggest("colr", iter(["width", "size"])) == ""
    assert suggest("colr", []) == ""
