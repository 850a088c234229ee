from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models import Failure
from evolve.models._failure import Kind
from evolve.models._health import Health, Sending


class Patient:
    """A model's health with its clock and events."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[str] = []
        self.health = Health("m", clock=lambda: self.now, on_event=self.note)

    def note(self, kind: str, data: dict[str, object]) -> None:
        assert data["model"] == "m"
        self.events.append(kind)

    def fail(self, kind: Kind = "transient", retry_after_s: float | None = None) -> None:
        """Send one call as soon as possible, which fails."""
        self.wait()
        self.health.failed(self.health.sent(), Failure(kind, "m: bad", retry_after_s=retry_after_s))

    def succeed(self) -> None:
        self.wait()
        self.health.succeeded(self.health.sent())

    def wait(self) -> float:
        wait = self.health.wait_s()
        assert wait < math.inf
        self.now += wait
        return wait


def test_single_failures_pause_nothing() -> None:
    patient = Patient()
    for _ in range(20):
        for _ in range(4):
            patient.fail()
            assert patient.health.wait_s() == 0
        patient.succeed()
    assert patient.events == []


def test_five_failures_in_a_row_pause_and_one_probe_at_a_time_goes_out() -> None:
    patient = Patient()
    patient.succeed()
    for _ in range(5):
        patient.fail()
    assert patient.health.wait_s() == 1
    patient.now += 1
    probe = patient.health.sent()
    assert patient.health.wait_s() == math.inf
    patient.health.failed(probe, Failure("transient", "m: bad"))
    assert patient.health.wait_s() == 2
    patient.succeed()
    assert patient.health.wait_s() == 0
    assert patient.events == ["model_paused", "model_paused", "model_recovered"]


def test_calls_from_before_a_pause_say_nothing_new() -> None:
    patient = Patient()
    patient.succeed()
    sent = [patient.health.sent() for _ in range(64)]
    for sending in sent:
        patient.health.failed(sending, Failure("transient", "m: bad"))
    assert patient.health.wait_s() == 1
    assert patient.events == ["model_paused"]


def test_pauses_double_up_to_a_minute() -> None:
    patient = Patient()
    patient.succeed()
    for _ in range(5):
        patient.fail()
    pauses = []
    for _ in range(11):
        pauses.append(patient.wait())
        patient.fail()
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert not patient.health.given_up
    patient.fail()
    assert patient.health.given_up


def test_what_has_never_answered_is_given_up_after_four_probes() -> None:
    patient = Patient()
    for _ in range(9):
        assert not patient.health.given_up
        patient.fail()
    assert patient.health.given_up
    assert patient.events[-1] == "model_given_up"


def test_a_server_that_says_how_long_to_wait_is_obeyed() -> None:
    patient = Patient()
    patient.succeed()
    early = patient.health.sent()
    patient.fail("rate_limit", 30)
    assert patient.health.wait_s() == 30
    patient.health.succeeded(early)
    assert patient.health.wait_s() == 30
    patient.fail("rate_limit", 10)
    assert patient.health.wait_s() == 10
    patient.succeed()
    assert patient.health.wait_s() == 0


def test_a_cancelled_probe_lets_the_next_one_go() -> None:
    patient = Patient()
    patient.fail("rate_limit", 3)
    patient.now += 3
    probe = patient.health.sent()
    assert patient.health.wait_s() == math.inf
    patient.health.abandoned(probe)
    assert patient.health.wait_s() == 0


def test_a_model_failure_gives_up_at_once() -> None:
    patient = Patient()
    patient.succeed()
    patient.fail("model")
    assert patient.health.given_up
    assert patient.health.wait_s() == math.inf


def test_a_late_answer_does_not_revive_what_is_given_up() -> None:
    patient = Patient()
    late = patient.health.sent()
    patient.fail("model")
    patient.health.succeeded(late)
    assert patient.health.given_up
    assert patient.events == ["model_given_up"]


def test_refusals_are_no_illness_but_endless_ones_are() -> None:
    patient = Patient()
    patient.succeed()
    for _ in range(39):
        patient.fail("refused")
    assert not patient.health.given_up
    assert patient.events == []
    patient.fail("refused")
    assert patient.health.given_up


def test_few_calls_go_out_until_the_first_answer() -> None:
    patient = Patient()
    assert patient.health.width(64) == 8
    assert patient.health.width(3) == 3
    patient.succeed()
    assert patient.health.width(64) == 64


@given(
    st.lists(
        st.tuples(st.sampled_from(["transient", "rate_limit", "refused"]), st.none() | st.floats(0, 300)),
        min_size=30,
        max_size=30,
    ),
    st.integers(1, 8),
)
def test_no_pattern_of_failures_costs_more_than_nineteen_calls(
    pattern: list[tuple[Kind, float | None]], together: int
) -> None:
    patient = Patient()
    sent = 0
    failures = iter(pattern)
    while not patient.health.given_up:
        patient.wait()
        batch: list[Sending] = []
        while len(batch) < together and patient.health.wait_s() == 0:
            batch.append(patient.health.sent())
        sent += len(batch)
        for sending in batch:
            kind, wait = next(failures)
            patient.health.failed(sending, Failure(kind, "m: bad", retry_after_s=wait))
    assert sent <= 19


@pytest.mark.parametrize("kind", ["transient", "rate_limit", "refused", "model"])
def test_the_last_failure_and_their_number_are_known(kind: Kind) -> None:
    patient = Patient()
    while not patient.health.given_up:
        patient.fail(kind)
    assert patient.health.last is not None
    assert patient.health.last.kind == kind
    assert 1 <= patient.health.row <= 12
