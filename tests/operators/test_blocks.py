from __future__ import annotations

import re

import pytest

from evolve.operators import NoProposal
from evolve.problem import Block
from tests.operators.helpers import BLOCKS, POLISH, RADII, RINGS, START, context, proposals, propose

STARTED = """import numpy as np


def pack(n):
    # begin
    centers = np.zeros((n, 2))
    centers = centers + 0.5
    radii = np.ones(n)
    return centers, radii
"""


def plain(found: dict[str, str]) -> dict[str, str]:
    """Leave out the proposals whose call got an argument of its own."""
    return {change: text for change, text in found.items() if "(" not in change}


def test_a_block_goes_before_the_return_whatever_the_program_calls_its_values() -> None:
    expected = RINGS.replace(
        "import numpy as np\n",
        "import numpy as np\nfrom scipy.optimize import minimize\n",
    )
    expected = expected.replace(
        "def pack(n):",
        '''STEPS = 10
SMALL = 1e-9


def polish(centers, radii):
    """Return a better layout."""
    return shrink(centers, STEPS), radii - SMALL


def shrink(centers, steps):
    return np.clip(centers, 1 / steps, 1 - 1 / steps)


def pack(n):''',
    )
    expected = expected.replace(
        "    return points, sizes\n",
        "    centers, radii = points, sizes\n"
        "    centers, radii = polish(centers, radii)\n"
        "    return centers, radii\n",
    )
    assert proposals("insert_block", RINGS, blocks=[POLISH]) == {"inserted polish before return": expected}


def test_returned_values_of_the_right_names_are_not_bound_again() -> None:
    found = proposals("insert_block", STARTED, blocks=[POLISH])
    text = found["inserted polish before return"]
    assert text.endswith(
        "    radii = np.ones(n)\n    centers, radii = polish(centers, radii)\n    return centers, radii\n"
    )


def test_a_returned_call_is_bound_first_and_comments_stay() -> None:
    text = "def pack(n):\n    if n:\n        return make(n)  # done\n    return make(\n        1,\n    )\n"
    text += "\n\ndef make(n):\n    return n, n\n"
    found = {
        new.partition("def pack")[2].partition("\n\n\n")[0]
        for new in proposals("insert_block", text, blocks=[RADII]).values()
    }
    assert found == {
        "(n):\n    if n:\n        centers, radii = make(n)\n        radii = radii_of(centers)\n"
        "        return centers, radii  # done\n    return make(\n        1,\n    )",
        "(n):\n    if n:\n        return make(n)  # done\n    centers, radii = make(\n        1,\n    )\n"
        "    radii = radii_of(centers)\n    return centers, radii",
    }


def test_a_start_replaces_an_assignment_or_goes_where_it_is_used() -> None:
    found = plain(proposals("insert_block", STARTED, blocks=[START], tries=150))
    assert set(found) == {
        "replaced line 6 by grid_start",
        "replaced line 7 by grid_start",
        "inserted grid_start before line 7",
        "inserted grid_start before line 8",
        "inserted grid_start before return",
    }
    assert (
        "    # begin\n    centers = grid_start(n)\n    centers = centers + 0.5\n"
        in found["replaced line 6 by grid_start"]
    )
    assert "import math\n" in found["inserted grid_start before line 7"]
    assert "# Row by row.\ndef grid_start" in found["inserted grid_start before line 7"]


def test_a_default_of_the_block_may_be_drawn() -> None:
    found = proposals("insert_block", STARTED, blocks=[START], tries=150)
    calls = {call for text in found.values() for call in re.findall(r"= (grid_start\(.*\))", text)}
    assert "grid_start(n)" in calls
    assert any(re.fullmatch(r"grid_start\(n, seed=\d{4,6}\)", call) for call in calls)
    assert any(re.fullmatch(r"grid_start\(n, spread=0\.\d+\)", call) for call in calls)


def test_a_block_is_merged_once() -> None:
    once = propose("insert_block", context(RINGS, seed=1, blocks=[POLISH])).text
    twice = propose("insert_block", context(once, seed=2, blocks=[POLISH])).text
    assert twice.count("def polish") == 1
    assert twice.count("STEPS = 10") == 1
    assert twice.count("from scipy.optimize import minimize") == 1
    assert twice.count("centers, radii = polish(centers, radii)") == 2


def test_the_programs_own_version_of_a_function_stays() -> None:
    own = "def radii_of(centers):\n    return centers\n\n\n" + STARTED
    for text in proposals("insert_block", own, blocks=[RADII]).values():
        assert text.count("def radii_of") == 1
        assert "return centers\n\n" in text


def test_a_call_goes_only_where_its_names_are_bound_and_used() -> None:
    changes = set(proposals("insert_block", STARTED, blocks=[RADII]))
    assert changes == {"inserted radii_of before return", "replaced line 8 by radii_of"}


def test_a_submodule_is_imported_beside_its_package() -> None:
    block = Block(
        "b", "import scipy.linalg\n\n\ndef b(n):\n    return scipy.linalg.eye(n)\n", "radii = b(n)", ""
    )
    text = "import scipy\n\n\n" + STARTED
    found = propose("insert_block", context(text, blocks=[block])).text
    assert found.startswith("import scipy\n\n\nimport numpy as np\nimport scipy.linalg\n\n\ndef b")


def test_imports_go_below_the_docstring() -> None:
    text = '"""Doc."""\n\n\ndef pack(n):\n    return n, n\n'
    found = propose("insert_block", context(text, blocks=[POLISH])).text
    assert found.startswith('"""Doc."""\n\nimport numpy as np\nfrom scipy.optimize import minimize\n')


@pytest.mark.parametrize("name", ["insert_block", "remove_block"])
def test_without_blocks_there_is_no_proposal(name: str) -> None:
    with pytest.raises(NoProposal, match=name):
        propose(name, context(RINGS))


def test_remove_block_takes_back_what_was_inserted() -> None:
    inserted = proposals("insert_block", STARTED, blocks=[RADII])["inserted radii_of before return"]
    removed = propose("remove_block", context(inserted, blocks=BLOCKS))
    assert removed.text == STARTED
    assert removed.change == "removed radii_of from line 13"
