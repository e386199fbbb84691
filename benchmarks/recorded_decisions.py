"""What people decided in a made city, what came of it, and the work that they handed out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bulk_rows import put
from benchmarks.recorded_drives import DAY_S, Ints

HOUR_S = 3_600.0
ON_A_LIST, LISTS = 100, 100
Decisions = tuple[Ints, NDArray[np.object_], NDArray[np.float64]]
"""The damage, the kind and the time of each."""


def decisions_on(states: NDArray[np.object_], first: NDArray[np.float64]) -> Decisions:
    """What people decided, within weeks of the first sight."""
    from django.utils import timezone

    rng, now_s = np.random.default_rng(2), timezone.now().timestamp()
    kinds = {"confirmed": ("confirm",), "scheduled": ("confirm", "schedule"), "repaired": ("confirm", "repair"),
             "rejected": ("reject",)}  # fmt: skip
    told = [
        (k, kind, step) for k, state in enumerate(states) for step, kind in enumerate(kinds.get(state, ()))
    ]
    damage = np.array([k for k, _, _ in told])
    late = rng.uniform(1, 200, len(told)) + 500 * np.array([step for _, _, step in told])
    at_s = np.minimum(first[damage] + late * HOUR_S, now_s - rng.uniform(0, DAY_S, len(told)))
    return damage, np.array([kind for _, kind, _ in told], object), at_s.round()


def outcomes_of(decisions: Decisions, first: NDArray[np.float64]) -> dict[str, Any]:
    """What came of them, by damage, as `roaddamage.records.outcomes` has it."""
    from roaddamage.records.rows import moment

    damage, kinds, at_s = decisions
    columns: dict[str, Any] = {"judged": np.full(len(first), "", object)}
    for name, counted in (("judged_at", ("confirm", "reject")), ("repaired_at", ("repair",)),
                          ("first_decided", ("confirm", "reject", "repair"))):  # fmt: skip
        some = np.isin(kinds.astype(str), counted)
        when = np.full(len(first), np.inf)
        np.minimum.at(when, damage[some], at_s[some])
        columns[name] = [moment(one) if one < np.inf else None for one in when.tolist()]
        if name == "judged_at":
            columns["judged"][damage[some]] = kinds[some]
        if name == "first_decided":
            columns["wait_s"] = [one if one < np.inf else None for one in (when - first).tolist()]
    return columns


def put_decisions(decisions: Decisions, by: int) -> None:
    """Keep them, and the log of them."""
    from roaddamage.records.models import AuditEntry, Review
    from roaddamage.records.rows import moment

    damage, kinds, at_s = decisions
    total = len(damage)
    at = [moment(one) for one in at_s.tolist()]
    before = json.dumps({"state": "proposed"})
    put(
        Review, total, damage_id=damage + 1, by_id=by, at=at, kind=kinds, before=before, after=before, model="made",
    )  # fmt: skip
    put(
        AuditEntry, 2 * total, at=[*at, *at], by_id=by, target=[str(k + 1) for k in damage] * 2,
        action=[f"damage.{kind}" for kind in kinds] + ["damage.seen"] * total,
    )  # fmt: skip


def put_work_lists(by: int) -> None:
    """Work lists of scheduled damages."""
    from roaddamage.records.models import Damage, Stop, WorkList

    rows = list(
        Damage.objects.filter(state="scheduled")
        .order_by("pk")[: LISTS * ON_A_LIST]
        .values_list("pk", flat=True)
    )
    lists = -(-len(rows) // ON_A_LIST)
    put(WorkList, lists, title=[f"list {number}" for number in range(lists)], by_id=by, at=_now())
    where = np.arange(len(rows))
    put(Stop, len(rows), work_list_id=where // ON_A_LIST + 1, damage_id=rows, place=where % ON_A_LIST + 1)


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()
