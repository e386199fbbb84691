"""Differences: what a drive tells of its damages before and after it was run again, held against what people decided."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef

from maps.same_footage import size_changed
from roaddamage.records.models import Damage, Drive, RerunChange, RerunDrive, Review, Sighting
from roaddamage.records.portions import SOME, portions
from roaddamage.records.rows import sighting_of

Kind, Means, State = RerunChange.Kind, RerunChange.Means, Damage.State
FACTS = (
    "class_id",
    "confidence",
    "length_m",
    "length_sd_m",
    "width_m",
    "width_sd_m",
    "area_m2",
    "area_sd_m2",
    "model",
)
"""What is kept of a sighting."""
JUDGED = (str(Review.Kind.confirm), str(Review.Kind.reject), "")
"""What people made of a damage; "" where nobody decided."""
BY_STATE = dict.fromkeys((State.confirmed, State.scheduled, State.repaired), JUDGED[0]) | {
    State.rejected: JUDGED[1]
}
MEANS = {
    (Kind.lost, JUDGED[0]): Means.worse, (Kind.new, JUDGED[1]): Means.worse,
    (Kind.lost, JUDGED[1]): Means.better, (Kind.new, JUDGED[0]): Means.better,
}  # fmt: skip
"""What a change says of the model, by what people decided. Another class: `_class_means`."""
AGAIN = "again"
"""Beside `RerunChange.Kind` in counts: seen before and after."""
Looks = dict[int, Sighting]
"""By damage: the drive's best sighting of it."""


def looks_of(drive: Drive) -> Looks:
    """What a drive tells of each damage that it sees."""
    best: Looks = {}
    for row in drive.sightings.filter(outdated=False).order_by("pk"):
        known = best.get(row.damage_id)
        if known is None or _worth(row) > _worth(known):
            best[row.damage_id] = row
    return best


def keep_difference(of: RerunDrive, before: Looks) -> None:
    """Write what changed since `before`, and its counts; to be called in the transaction that replaced the sightings."""
    drive = of.drive
    ends = _ends(before)
    then: Looks = {}
    for number, row in before.items():
        end = ends.get(number, number)
        if end not in then or _worth(row) > _worth(then[end]):
            then[end] = row
    now = _paired(looks_of(drive), then)
    rows = _damages({*then, *now})
    judged = {number: BY_STATE.get(State(row.state), "") for number, row in rows.items()}
    changes = list(_changes(of, then, now, judged, rows))
    RerunChange.objects.bulk_create(changes, batch_size=SOME)
    of.counts = counts_of(then, now, judged, changes)


def counts_of(
    then: Looks, now: Looks, judged: Mapping[int, str], changes: Sequence[RerunChange]
) -> dict[str, Any]:
    """Damages by what became of them and by what people decided, and the sums of confidence of those seen again.

    `AGAIN` and each `RerunChange.Kind` → judgement → count; `confidence` → judgement → [before, after]; `kept`: lost
    ones that other drives see; `means` → `RerunChange.Means` → count, and `class_means` of other classes alone.
    """
    told: dict[str, Counter[str]] = defaultdict(Counter)
    sums: dict[str, list[float]] = {each: [0.0, 0.0] for each in JUDGED}
    for number in then.keys() & now.keys():
        each = judged.get(number, "")
        told[AGAIN][each] += 1
        sums[each][0] += then[number].confidence
        sums[each][1] += now[number].confidence
    for change in changes:
        told[change.kind][change.judged] += 1
    kept = sum(change.elsewhere for change in changes)
    every, classes = (Counter(str(one.means) for one in some if one.means) for some in (
        changes, [one for one in changes if one.kind == Kind.other_class]
    ))  # fmt: skip
    return {kind: dict(each) for kind, each in told.items()} | {
        "confidence": sums, "kept": kept, "means": dict(every), "class_means": dict(classes)
    }  # fmt: skip


def added(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of several drives, each kind with every judgement, and the mean confidence of those seen again."""
    every = list(counts)
    told: dict[str, Any] = {
        kind: {each: sum(one.get(kind, {}).get(each, 0) for one in every) for each in JUDGED}
        for kind in (AGAIN, *(str(kind) for kind in Kind))
    }
    mean = {}
    for each in JUDGED:
        sums = [one["confidence"][each] for one in every if "confidence" in one]
        count = told[AGAIN][each]
        mean[each] = tuple(sum(side) / count for side in zip(*sums, strict=True)) if count else None
    sides = (str(Means.worse), str(Means.better))
    for name in ("means", "class_means"):
        told[name] = {side: sum(one.get(name, {}).get(side, 0) for one in every) for side in sides}
    return told | {"confidence": mean, "kept": sum(one.get("kept", 0) for one in every)}


def _worth(row: Sighting) -> float:
    """As `maps.damage.Damage.best` has it."""
    return row.confidence / (1 + row.length_sd_m + row.width_sd_m)


def _ends(before: Looks) -> dict[int, int]:
    """Where damages lead that turned out to be others."""
    ends: dict[int, int] = {}
    for some in portions(sorted(before)):
        led = Damage.objects.filter(pk__in=some, joined_into__isnull=False)
        ends |= {number: into for number, into in led.values_list("pk", "joined_into") if into is not None}
    further = set(ends.values()) & ends.keys()
    while further:
        ends = {number: ends.get(end, end) for number, end in ends.items()}
        further = set(ends.values()) & ends.keys()
    return ends


def _paired(now: Looks, then: Looks) -> Looks:
    """Of damages seen before and after: the very sighting that told before, where that is still there."""
    keys = {row.pk: number for number, row in then.items() if number in now}
    paired = dict(now)
    for some in portions(sorted(keys)):
        for row in Sighting.objects.filter(pk__in=some, outdated=False):
            if row.damage_id == keys[row.pk]:
                paired[row.damage_id] = row
    return paired


def _damages(numbers: set[int]) -> dict[int, Damage]:
    live = Sighting.objects.filter(damage=OuterRef("pk"), outdated=False)
    found: dict[int, Damage] = {}
    for some in portions(sorted(numbers)):
        found |= {row.pk: row for row in Damage.objects.filter(pk__in=some).annotate(seen_now=Exists(live))}
    return found


def _changes(
    of: RerunDrive, then: Looks, now: Looks, judged: Mapping[int, str], rows: Mapping[int, Damage]
) -> Iterable[RerunChange]:
    said = _said_classes([number for number in then.keys() & now.keys() if judged.get(number) == JUDGED[0]])
    for number in sorted({*then, *now}):
        before, after = then.get(number), now.get(number)
        kind = _kind(before, after)
        if kind is None:
            continue
        row = rows.get(number)
        elsewhere = kind == Kind.lost and row is not None and bool(getattr(row, "seen_now", False))
        means = MEANS.get((Kind(kind), judged.get(number, "")), Means.open)
        if kind == Kind.other_class and before and after and number in said:
            means = _class_means(said[number], before.class_id, after.class_id)
        yield RerunChange(
            of=of, kind=kind, number=number, damage=row, judged=judged.get(number, ""), means=means, elsewhere=elsewhere,
            before=_facts(before), after=_facts(after), crop=before.crop if before else "", sighting=after,
        )  # fmt: skip


def _said_classes(numbers: Sequence[int]) -> dict[int, int]:
    """The class that each of these damages had when a person last said that it is one, or which class it is of."""
    said: dict[int, int] = {}
    for some in portions(sorted(numbers)):
        kinds = (Review.Kind.confirm, Review.Kind.reclass)
        told = Review.objects.filter(damage__in=some, kind__in=kinds, undone_by__isnull=True).order_by(
            "at", "pk"
        )
        said |= {
            one.damage_id: one.after["class_id"]
            for one in told.only("damage", "after")
            if "class_id" in one.after
        }
    return said


def _class_means(said: int, before: int, after: int) -> RerunChange.Means:
    """The model may have come nearer to what people say, or gone from it."""
    if before == said:
        return Means.worse
    return Means.better if after == said else Means.open


def _kind(before: Sighting | None, after: Sighting | None) -> str | None:
    if before is None or after is None:
        return Kind.new if before is None else Kind.lost
    if before.class_id != after.class_id:
        return Kind.other_class
    return Kind.size if size_changed(sighting_of(before, ""), sighting_of(after, "")) else None


def _facts(row: Sighting | None) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FACTS} if row else {}
