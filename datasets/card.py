"""A dataset's card: what is in it, under which licences, and what was found wrong while it was imported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from datasets.dataset import PARTS, Dataset, DatasetError, Floats, Picture
from datasets.importing import FAULTS
from datasets.splitting import counted
from detector.classes import CLASSES, CODES
from detector.errors import N_, Translate


def write_card(dataset: Dataset, translate: Translate = str) -> None:
    """Write `card.md` whole or not at all. Raises DatasetError for a report of an import that can't be read."""
    path = dataset.folder / "card.md.part"
    path.write_text(card(dataset, translate), encoding="utf-8")
    path.replace(dataset.folder / "card.md")


def card(dataset: Dataset, translate: Translate = str) -> str:
    """The card as Markdown."""
    _ = translate
    pictures = dataset.pictures
    sections = [
        f"# {_cell(dataset.folder.resolve().name)}",
        _(
            N_(
                "Labelled pictures of road damage. Made by `roaddamage dataset`; written anew by each import and split."
            )
        ),
        "## " + _(N_("Parts")),
        _table(_(N_("part")), pictures, [*PARTS, ""], "part", _),
        "## " + _(N_("Sources")),
        _table(_(N_("source")), pictures, _values(pictures, "source"), "source", _),
        "## " + _(N_("Countries")),
        _table(_(N_("country")), pictures, _values(pictures, "country"), "country", _),
        "## " + _(N_("Licences")),
        _table(_(N_("licence")), pictures, _values(pictures, "licence"), "licence", _),
        "## " + _(N_("Looks like damage and is none")),
        _negatives(pictures, _),
        "## " + _(N_("Size of boxes in pixels")),
        size_table(pictures, _),
        "## " + _(N_("Known faults")),
        _faults(dataset.folder, _),
    ]
    return "\n\n".join(sections) + "\n"


def _values(pictures: Iterable[Picture], name: str) -> list[str]:
    return sorted({str(getattr(one, name)) for one in pictures})


def _table(head: str, pictures: Iterable[Picture], values: list[str], name: str, _: Translate) -> str:
    """Counts of pictures and boxes, a row for each value of one column of the manifest."""
    columns = ["pictures", "partly", "clean", *CODES]
    heads = [
        head,
        _(N_("pictures")),
        _(N_("labelled in part")),
        _(N_("without damage")),
        *(f"{row.code} {_(row.name)}" for row in CLASSES),
    ]
    rows = [heads]
    pictures = list(pictures)
    for value in values:
        counts = counted(one for one in pictures if getattr(one, name) == value)
        if counts["pictures"]:
            rows.append([_cell(value) or _(N_("(not stated)")), *(f"{counts[one]:,}" for one in columns)])
    counts = counted(pictures)
    rows.append([_(N_("all")), *(f"{counts[one]:,}" for one in columns)])
    return markdown_table(rows)


def markdown_table(rows: list[list[str]]) -> str:
    """Rows as a Markdown table, the first one its head; numbers to the right."""
    rule = ["---", *("---:" for _ in rows[0][1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def _cell(text: str) -> str:
    """Text that stays within its cell, and is text: what others named a thing is no markup."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _negatives(pictures: Iterable[Picture], _: Translate) -> str:
    counts = Counter(name for one in pictures for name in one.negatives.split(",") if name)
    if not counts:
        return _(N_("None are marked."))
    return "\n".join(
        _(N_("- {name}: in {count} pictures")).format(name=_cell(name), count=f"{count:,}")
        for name, count in sorted(counts.items())
    )


def size_table(pictures: Iterable[Picture], translate: Translate = str) -> str:
    """Median, 10 % and 90 % of the boxes' width and height by class, in pixels of their pictures."""
    _ = translate
    sizes = _sizes(pictures)
    rows = [
        [
            _(N_("class")),
            _(N_("boxes")),
            _(N_("width 10 %")),
            _(N_("median")),
            "90 %",
            _(N_("height 10 %")),
            _(N_("median")),
            "90 %",
        ]
    ]
    for row, size in zip(CLASSES, sizes, strict=True):
        told = np.percentile(size, [10, 50, 90], axis=0).T.ravel() if len(size) else [float("nan")] * 6
        numbers = ("-" if np.isnan(value) else f"{value:.0f}" for value in told)
        rows.append([f"{row.code} {_(row.name)}", f"{len(size):,}", *numbers])
    return markdown_table(rows)


def _sizes(pictures: Iterable[Picture]) -> list[Floats]:
    """Width and height (n, 2) of the boxes of each class, in pixels."""
    sizes: list[list[Floats]] = [[] for _ in CLASSES]
    for one in pictures:
        for class_id, box in zip(one.class_id, one.boxes_px, strict=True):
            sizes[class_id].append(box[2:] - box[:2])
    return [np.array(size, float).reshape(-1, 2) for size in sizes]


def _faults(folder: Path, _: Translate) -> str:
    """What the imports of this dataset counted."""
    counts: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for path in sorted((folder / "reports").glob("import-*.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            counts.update({kind: int(told["counts"][kind]) for kind in FAULTS})
            others.update(told["other_classes"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DatasetError(N_("{path} is not the report of an import."), path=path) from error
    lines = [f"- {_(text)}: {counts[kind]:,}" for kind, text in FAULTS.items() if counts[kind]]
    if others:
        named = ", ".join(f"{_cell(name)} {count:,}" for name, count in others.most_common())
        lines.append(_(N_("- classes that were left out: {names}")).format(names=named))
    if not lines:
        return _(N_("None were found."))
    return "\n".join([*lines, "", _(N_("Each one is named in `reports/`."))])
