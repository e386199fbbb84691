"""A comparison in words and tables, and the model card: what a model is, how it came about, and what it is worth."""

from __future__ import annotations

from typing import Any

from datasets.card import markdown_table
from detector.errors import N_, Translate
from training.evaluation_report import class_name, false_alarms, number
from training.promotion import Change, Comparison


def comparison_rows(told: Comparison, translate: Translate) -> list[list[str]]:
    """Both models side by side, a row a class and one for all; the first row is the headings."""
    _ = translate
    heads = [_(N_("Class")), _(N_("AP50 now")), _(N_("AP50 candidate")), _(N_("difference")), ""]
    current, candidate = (one.whole.scores for one in (told.current, told.candidate))
    rows = [
        [
            class_name(change.code, _),
            number(before.ap50, before.ap50_interval),
            number(after.ap50, after.ap50_interval),
            _difference(change),
            _(N_("worse")) if change.worse else _(N_("better")) if change.better else "",
        ]
        for change, before, after in zip(told.changes, current, candidate, strict=True)
        if change.current is not None
    ]
    return [heads, *rows]


def _difference(change: Change) -> str:
    told = f"{change.gain:+.3f}"
    if change.difference:
        told += f" [{change.difference[0]:+.3f}, {change.difference[1]:+.3f}]"
    return told


def remarks(told: Comparison, translate: Translate) -> list[str]:
    """What to know before believing the table, and what follows from it."""
    _ = translate
    facts = _(N_("{pictures} pictures of {roads} roads; intervals are 95 %, by drawing whole roads anew."))
    lines = [facts.format(pictures=told.candidate.pictures, roads=told.candidate.clusters)]
    if told.current_seen is None:
        lines.append(_(N_("What the model in use learnt from is not known: its figures may flatter.")))
    elif told.current_seen:
        text = _(N_("The model in use learnt from {count} of these pictures: its figures flatter."))
        lines.append(text.format(count=told.current_seen))
    if told.candidate_seen is None:
        lines.append(_(N_("What the candidate learnt from is not known: its figures may flatter.")))
    elif told.candidate_seen:
        text = _(N_("The candidate learnt from {count} of these pictures: its figures prove nothing."))
        lines.append(text.format(count=told.candidate_seen))
    if told.mean.gain <= 0:
        lines.append(_(N_("The candidate is not better in the mean AP50.")))
    elif not told.mean.better:
        lines.append(_(N_("It is better in the mean AP50, by no more than chance may explain.")))
    if told.worse:
        text = _(N_("Significantly worse: {classes}."))
        lines.append(text.format(classes=", ".join(class_name(code, _) for code in told.worse)))
    return lines


def model_card(
    name: str,
    told: Comparison,
    run: dict[str, Any] | None,
    reason: str,
    fitted_on_val: bool,
    translate: Translate,
) -> str:
    """The card as Markdown.

    `run` is the training's record (`run.json`), None where the model came without one; `reason` is why it was
    promoted against the rule, empty where it was not; `fitted_on_val` whether the confidence was, at promotion.
    """
    _ = translate
    sections = [
        f"# {_(N_('Model card'))}: {name}",
        _(N_("It proposes damages; a person decides on each.")),
        "SHA-256 " + told.candidate.sha256,
        "## " + _(N_("How it was made")),
        _made(run, _),
        "## " + _(N_("Against the model it replaced")),
        _(N_("Test part of {dataset}. The model before: {name}.")).format(
            dataset=told.candidate.dataset, name=told.current.model
        ),
        markdown_table(comparison_rows(told, _)),
        "\n".join(f"- {line}" for line in remarks(told, _)),
    ]
    if reason:
        sections += [
            _(N_("Promoted against the rule, because: {reason}")).format(reason=" ".join(reason.split()))
        ]
    sections += [
        "## " + _(N_("Confidence")),
        _(
            N_(
                "The stated confidence differs from the share of true boxes by {calibrated} on average"
                " (the scores as they stand: {scored}), on the test part."
            )
        ).format(
            calibrated=number(told.candidate.calibrated.error), scored=number(told.candidate.as_scored.error)
        )
        + " "
        + _(
            N_("It was fitted on the val part.")
            if fitted_on_val
            else N_("It was not fitted anew: the data has no val part.")
        ),
        "## " + _(N_("At confidence {confidence}")).format(confidence=told.candidate.confidence),
        markdown_table(_rates(told, _)),
        false_alarms(told.candidate, _),
        "## " + _(N_("Not for")),
        _(
            N_(
                "Deciding anything without a person; roads, cameras and weather unlike those in the data (data.md)."
            )
        ),
    ]
    return "\n\n".join(sections) + "\n"


def _made(run: dict[str, Any] | None, _: Translate) -> str:
    if run is None:
        return _(N_("Not known: it came without the record of its training."))
    rows = [
        [_(N_("setting")), _(N_("value"))],
        *([key, f"`{value}`"] for key, value in run["settings"].items() if value),
    ]
    rows += [[_(N_("pictures")) + f" ({part})", str(count)] for part, count in run["pictures"].items()]
    rows += [
        [_(N_("data")) + " SHA-256", str(run["data_sha256"])],
        [_(N_("trained")), f"{run['begun']} – {run['ended']}"],
    ]
    rows += [[key, str(value)] for key, value in run["versions"].items()]
    return markdown_table(rows)


def _rates(told: Comparison, _: Translate) -> list[list[str]]:
    heads = [_(N_("Class")), _(N_("Labels")), _(N_("Precision")), _(N_("Recall")), "F1"]
    return [
        heads,
        *(
            [
                class_name(one.code, _),
                str(one.labels),
                number(one.precision),
                number(one.recall),
                number(one.f1),
            ]
            for one in told.candidate.whole.scores
            if one.labels
        ),
    ]
