"""What is made aside: only while it is wanted, and a fault in it takes nothing else along."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.utils import timezone

from roaddamage import aside
from roaddamage.records.models import FrameChoice

pytestmark = pytest.mark.django_db
State = FrameChoice.State


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this thread."""

    class Now:
        def __init__(self, target: Any, args: tuple[Any, ...], daemon: bool) -> None:
            self.start = lambda: target(*args)

    class Threads:
        Thread, Lock = Now, aside.threading.Lock

    monkeypatch.setattr(aside, "threading", Threads)
    monkeypatch.setattr(aside.connection, "close", lambda: None)


def asked(by: Any, state: str) -> int:
    return FrameChoice.objects.create(by=by, beat=timezone.now(), budget=1, state=state).pk


@pytest.mark.parametrize(("state", "made"), [("running", True), ("failed", False), ("done", False)])
def test_what_nobody_waits_for_any_more_is_not_made(state: str, made: bool, people: dict[str, Any]) -> None:
    number, seen = asked(people["ml"], state), list[int]()
    aside.begin(FrameChoice, number, seen.append)
    assert seen == [number] * made


def test_a_fault_is_in_the_log_and_the_next_one_has_its_turn(
    people: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(number: int) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "roaddamage.aside"):
        aside.begin(FrameChoice, asked(people["ml"], State.running), broken)
    assert "was not made" in caplog.text
    seen = list[int]()
    aside.begin(FrameChoice, asked(people["ml"], State.running), seen.append)
    assert len(seen) == 1


def test_what_is_over_is_ended_no_second_time(people: dict[str, Any]) -> None:
    number = asked(people["ml"], State.running)
    assert aside.end(FrameChoice, number, State.done)
    assert not aside.fail(FrameChoice, number, aside.problem_of(MemoryError()))
    assert FrameChoice.objects.get().state == State.done
