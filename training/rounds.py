"""What each round of labelling brought: the figure on the frozen test part against the frames labelled by then.

A round is a training's run. Each is scored once on a test part, and what came of it is kept in the run's folder for
as long as model and test part stay the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.dataset import Dataset
from detector.classes import CODES
from detector.errors import N_, RoadDamageError, Translate
from detector.model import Model
from training.evaluate import ALL, Evaluation, Interval, Looked, ap50_samples, look, scored
from training.evaluation_report import number
from training.promotion import part_hash, seen_count, seen_file
from training.scores import interval
from training.train import RUN

KEPT = "rounds.json"


class RoundError(RoadDamageError):
    """A folder that is no training's run, or not a finished one."""

    exit_code = 2


@dataclass(frozen=True)
class Round:
    """One run: pictures it learnt from or was chosen by (`frames`, of them `partly` labelled), and its AP50.

    `boxes` and `partly` are None for runs of before they were kept. `ap50` is by class, and ALL; None without labels.
    `samples` are the mean's under the bootstrap of roads, the same roads for all rounds. `seen` is how many pictures
    of the test part it had learnt from; None: not known.
    """

    name: str
    begun: str
    frames: int
    partly: int | None
    boxes: int | None
    ap50: dict[str, float | None]
    interval: Interval | None
    samples: tuple[float, ...]
    seen: int | None


def round_of(
    run: Path, dataset: Dataset, device: str, moved: Callable[[int, int], None] = lambda done, total: None
) -> Round:
    """A run scored on the dataset's test part, or as it was scored before.

    Raises RoundError for a folder that holds no finished run, DatasetError for a dataset without a test part.
    """
    model, told = run / "model.pt", _record(run)
    if (kept := _kept(run / KEPT, _key(told, dataset))) is None:
        kept = keep(run, look(Model(model, device), dataset, "test", moved))
    labelled = told.get("labelled") or {}
    return Round(
        run.resolve().name,
        told["begun"],
        told["pictures"]["train"] + told["pictures"]["val"],
        labelled.get("partly"),
        labelled.get("boxes"),
        kept["ap50"],
        None if kept["interval"] is None else (kept["interval"][0], kept["interval"][1]),
        tuple(kept["samples"]),
        seen_count(dataset.part("test"), seen_file(model)),
    )


def keep(run: Path, looked: Looked) -> dict[str, Any]:
    """Keep what a run's model found in the test part, so that it need not look again; how it was scored."""
    kept = _scored(looked)
    part = (run / KEPT).with_suffix(".part")
    part.write_text(json.dumps(_key(_record(run), looked.dataset) | kept) + "\n", encoding="utf-8")
    part.replace(run / KEPT)
    return kept


def _key(record: dict[str, Any], dataset: Dataset) -> dict[str, str]:
    return {"model": record["sha256"], "test": part_hash(dataset)}


def _record(run: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((run / RUN).read_text(encoding="utf-8"))
        if (run / "model.pt").is_file() and {"sha256", "begun", "pictures"} <= told.keys():
            return told
    except (OSError, ValueError, AttributeError) as error:
        raise RoundError(
            N_("{path} holds no training run (no run.json that can be read)."), path=run
        ) from error
    raise RoundError(N_("The training in {path} is not done: go on with it by the same command."), path=run)


def _kept(path: Path, key: dict[str, str]) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept if {name: kept[name] for name in key} == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _scored(looked: Looked) -> dict[str, Any]:
    told: Evaluation = scored(looked)
    return {
        "ap50": {one.code: one.ap50 for one in told.whole.scores},
        "interval": told.whole.scores[-1].ap50_interval,
        "samples": [round(float(one), 5) for one in ap50_samples(looked)[-1] if np.isfinite(one)],
    }


def in_order(rounds: Sequence[Round]) -> list[Round]:
    """By frames labelled, then by when the run began."""
    return sorted(rounds, key=lambda one: (one.frames, one.begun))


def gain(before: Round, after: Round) -> tuple[float, Interval | None] | None:
    """By how much the mean AP50 grew from one round to another, with its 95 % interval; None where it can't be told.

    The same roads are drawn for both, so that what makes a road hard drops out.
    """
    one, two = before.ap50[ALL], after.ap50[ALL]
    if one is None or two is None:
        return None
    drawn = np.subtract(after.samples, before.samples) if len(after.samples) == len(before.samples) else None
    told = interval(drawn) if drawn is not None and len(drawn) and before.interval else None
    return two - one, told


def table(rounds: Sequence[Round], translate: Translate) -> list[list[str]]:
    """A row a round, in order; the first row is the headings."""
    _ = translate
    heads = [
        _(N_("Round")),
        _(N_("begun")),
        _(N_("frames labelled")),
        _(N_("of them in part")),
        _(N_("boxes")),
    ]
    heads += [_(N_("mean AP50")), _(N_("more than the round before")), *CODES]
    rows = [heads]
    before: Round | None = None
    for one in in_order(rounds):
        grown = gain(before, one) if before else None
        rows.append(
            [
                one.name + ("*" if one.seen else ""),
                one.begun[:10],
                f"{one.frames:,}",
                *("–" if count is None else f"{count:,}" for count in (one.partly, one.boxes)),
                number(one.ap50[ALL], one.interval),
                _signed(*grown) if grown else "",
                *(number(one.ap50[code]) for code in CODES),
            ]
        )
        before = before if one.seen else one  # nothing is more than a figure that proves nothing
    return rows


def _signed(grown: float, told: Interval | None) -> str:
    return f"{grown:+.3f}" + (f" [{told[0]:+.3f}, {told[1]:+.3f}]" if told else "")


def notes(rounds: Sequence[Round], pictures: int, translate: Translate) -> list[str]:
    """What to know before believing the table."""
    _ = translate
    lines = [
        _(
            N_(
                "All on the same test part ({pictures} pictures). Intervals are 95 %, by drawing whole roads anew; they"
                " hold what the choice of roads does, not what another seed of the training would."
            )
        ).format(pictures=f"{pictures:,}")
    ]
    if any(one.seen for one in rounds):
        lines.append(_(N_("* learnt from pictures of the test part: its figures prove nothing.")))
    if any(one.seen is None for one in rounds):
        lines.append(_(N_("What some rounds learnt from is not known: their figures may flatter.")))
    return lines


def as_json(rounds: Sequence[Round]) -> str:
    """All rounds in order, without the samples."""
    told = [
        {name: value for name, value in asdict(one).items() if name != "samples"} for one in in_order(rounds)
    ]
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
