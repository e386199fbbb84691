"""The evaluation as one HTML page that needs nothing else: no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from datasets.dataset import Dataset
from detector.classes import CLASSES, CODES
from detector.errors import N_, Translate
from detector.masking import masker
from maps.pictures import small_address
from training.evaluate import ALL, Drawn, Evaluation, Group, Interval, Mistaken, Score, read_picture
from training.scores import SIZE_BOUNDS, Calibration

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
THUMBNAIL_PX = 360
CHART_PX = 300
AS_SCORED, CALIBRATED = "#5b6470", "#c2410c"
FEW_ROADS = 10
STYLE = """
body { font: 14px/1.55 system-ui, "Noto Sans JP", "Yu Gothic", "Meiryo", sans-serif; color: #222;
    max-width: 1180px; margin: 0 auto; padding: 16px 24px 48px; }
h1 { font-size: 21px; margin: 8px 0; } h2 { font-size: 16px; margin: 28px 0 6px; }
p { margin: 4px 0; color: #444; max-width: 90ch; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 8px 0; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 10px; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tr.all td { font-weight: 600; }
.scroll { overflow-x: auto; } .charts, .worst { display: flex; flex-wrap: wrap; gap: 20px; }
figure { margin: 0; width: 360px; max-width: 100%; } figcaption { font-size: 12px; overflow-wrap: anywhere; }
figure svg { width: 100%; height: auto; display: block; } .key { white-space: nowrap; margin-right: 12px; }
"""
CLASS_NAME = N_("{name} ({code})")
BOXES_TOLD = N_("White: labels, dashed where missed. Coloured: what was found, dashed where false.")


def page(evaluation: Evaluation, dataset: Dataset, language: str, translate: Translate) -> str:
    """The whole page.

    Raises DatasetError where a picture that is shown can't be read, ModelError where it can't be masked.
    """
    _ = translate
    title = _(N_("Evaluation of {model}")).format(model=evaluation.model)
    body = [
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in _facts(evaluation, _)),
        *_score_tables(evaluation, _),
        _heading(N_("Precision and recall"), _),
        f'<div class="charts"><figure>{_precision_recall(evaluation, _)}</figure></div>',
        _heading(N_("What the scores are worth"), _),
        *_reliability(evaluation, _),
        _heading(N_("What was taken for what"), _),
        _confusion(evaluation, _),
        _heading(N_("Pictures with most mistakes"), _),
        f"<p>{escape(_(BOXES_TOLD))}</p>",
        '<div class="worst">',
        *(_thumbnail(one, dataset, _) for one in evaluation.worst),
        "</div>",
    ]
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head>{head}</head>\n<body>'
        + "\n".join(body)
        + "</body></html>\n"
    )


def _heading(text: str, _: Translate) -> str:
    return f"<h2>{escape(_(text))}</h2>"


def class_name(code: str, _: Translate) -> str:
    """A class as people read it; ALL is all of them."""
    if code == ALL:
        return _(N_("All"))
    return _(CLASS_NAME).format(name=_(CLASSES[CODES.index(code)].name), code=code)


def number(value: float | None, interval: Interval | None = None) -> str:
    """A share to two places, with its interval; a dash for what can't be told."""
    if value is None:
        return "–"
    return f"{value:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _facts(told: Evaluation, _: Translate) -> Iterable[str]:
    """What was scored, and what to know of it."""
    yield _(N_("Data: {dataset}, part {part}: pictures: {pictures}, without damage: {clean}")).format(
        dataset=told.dataset, part=told.part, pictures=told.pictures, clean=told.clean_pictures
    )
    yield _(N_("Model: {model}, SHA-256 {sha256}")).format(model=told.model, sha256=told.sha256)
    yield _(N_("Precision, recall and F1 are at confidence {confidence} and IoU 0.5.")).format(
        confidence=told.confidence
    )
    yield _(
        N_("[Intervals] are 95 %, by drawing whole roads anew {resamples} times; roads: {clusters}")
    ).format(resamples=told.resamples, clusters=told.clusters)
    if told.clusters < FEW_ROADS:
        yield _(N_("So few roads say little of others: the true intervals are wider."))
    yield false_alarms(told, _)


def false_alarms(told: Evaluation, _: Translate) -> str:
    """False alarms by clean picture, or that there is none."""
    if told.false_alarms is None:
        return _(N_("False alarms on clean pictures can't be told: there is no clean picture."))
    return _(N_("False alarms by clean picture: {number}")).format(
        number=number(told.false_alarms, told.false_alarms_interval)
    )


def _score_tables(told: Evaluation, _: Translate) -> Iterable[str]:
    yield _heading(N_("By class"), _)
    yield _scores(told.whole, told, _)
    for kind, heading in (("source", N_("By source")), ("size", N_("By size in the picture"))):
        groups = [group for group in told.groups if group.kind == kind]
        if not groups:
            continue
        yield _heading(heading, _)
        if kind == "size":
            medium, large = (f"{bound:.2%}" for bound in SIZE_BOUNDS)
            text = _(N_("Medium begins at {medium} of the picture's area, large at {large}."))
            yield f"<p>{escape(text.format(medium=medium, large=large))}</p>"
        for group in groups:
            name = _(group.name) if kind == "size" else group.name or "–"
            count = _(N_("{name}, pictures: {count}, roads: {roads}")).format(
                name=name, count=group.pictures, roads=group.roads
            )
            yield f"<p><b>{escape(count)}</b></p>" + _scores(group, told, _)


def _scores(group: Group, told: Evaluation, _: Translate) -> str:
    wanted = _(N_("Score for precision {precision}")).format(precision=told.wanted_precision)
    heads = [_(N_("Class")), _(N_("Labels")), "AP50", "AP50–95", _(N_("Precision")), _(N_("Recall")), "F1"]
    heads += [_(N_("Best F1")), _(N_("at score")), wanted]
    rows = [_score_row(score, _) for score in group.scores if score.labels or score.code == ALL]
    return _table(heads, rows, last_is_all=True)


def _score_row(score: Score, _: Translate) -> list[str]:
    return [
        class_name(score.code, _),
        str(score.labels),
        number(score.ap50, score.ap50_interval),
        number(score.ap50_95),
        number(score.precision),
        number(score.recall),
        number(score.f1, score.f1_interval),
        number(score.best_f1),
        number(score.best_f1_confidence),
        number(score.threshold),
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, last_is_all: bool = False) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f'<tr class="{"all" if last_is_all and index == len(rows) - 1 else "one"}">'
        + "".join(f"<td>{escape(text)}</td>" for text in row)
        + "</tr>"
        for index, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _chart(across: str, up: str, inside: str) -> str:
    """A square from 0 to 1 along both axes; `inside` is drawn in px from its upper left corner."""
    ticks = "".join(
        f'<line x1="{x}" y1="0" x2="{x}" y2="{CHART_PX}"/><line x1="0" y1="{x}" x2="{CHART_PX}" y2="{x}"/>'
        for x in range(0, CHART_PX + 1, CHART_PX // 4)
    )
    marks = "".join(
        f'<text x="{share * CHART_PX}" y="{CHART_PX + 14}" text-anchor="middle">{share}</text>'
        f'<text x="-6" y="{(1 - share) * CHART_PX + 4}" text-anchor="end">{share}</text>'
        for share in (0, 0.5, 1)
    )
    middle = CHART_PX / 2
    return (
        f'<svg viewBox="-46 -8 {CHART_PX + 60} {CHART_PX + 46}" font-size="11" role="img">'
        f'<g stroke="#ddd">{ticks}</g>{marks}'
        f'<text x="{middle}" y="{CHART_PX + 31}" text-anchor="middle">{escape(across)}</text>'
        f'<text transform="translate(-32 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>{inside}</svg>'
    )


def _line(x: Sequence[float], y: Sequence[float], colour: str, dots: bool = False) -> str:
    """A line through points, shares of the chart."""
    points = [(a * CHART_PX, (1 - b) * CHART_PX) for a, b in zip(x, y, strict=True)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    circles = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in points if dots
    )
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{circles}'


def _key(entries: Iterable[tuple[str, str]]) -> str:
    """The key of a chart: colours and texts."""
    return "".join(
        f'<span class="key"><span style="color:{colour}">&#9679;</span> {escape(text)}</span>'
        for colour, text in entries
    )


def _precision_recall(told: Evaluation, _: Translate) -> str:
    colours = {row.code: row.colour for row in CLASSES}
    lines = "".join(_line(one.recall, one.precision, colours[one.code]) for one in told.curves)
    chart = _chart(_(N_("Recall")), _(N_("Precision")), lines)
    key = _key((colours[one.code], class_name(one.code, _)) for one in told.curves)
    return f"{chart}<figcaption>{key}</figcaption>"


def _reliability(told: Evaluation, _: Translate) -> Iterable[str]:
    kinds = (
        (N_("The score as it is"), told.as_scored, AS_SCORED),
        (N_("The stated confidence"), told.calibrated, CALIBRATED),
    )
    lines = _line((0, 1), (0, 1), "#bbb") + "".join(_points(one, colour) for _name, one, colour in kinds)
    chart = _chart(_(N_("Stated")), _(N_("Share that is true")), lines)
    key = _key((colour, _(name)) for name, _one, colour in kinds)
    yield f'<div class="charts"><figure>{chart}<figcaption>{key}</figcaption></figure>'
    heads = ["", _(N_("Boxes")), _(N_("Expected calibration error"))]
    rows = [[_(name), str(sum(b.boxes for b in one.bins)), number(one.error)] for name, one, _colour in kinds]
    yield _table(heads, rows) + "</div>"
    text = N_(
        "Where the curves were fitted on these same pictures, the stated confidence looks truer than it is."
    )
    yield f"<p>{escape(_(text))}</p>"


def _points(told: Calibration, colour: str) -> str:
    return _line([one.stated for one in told.bins], [one.true for one in told.bins], colour, dots=True)


def _confusion(told: Evaluation, _: Translate) -> str:
    background = _(N_("background"))
    heads = [_(N_("True class (rows), found as (columns)")), *CODES, background]
    names = [*(class_name(code, _) for code in CODES), background]
    rows = [[name, *(str(count) for count in row)] for name, row in zip(names, told.confusion, strict=True)]
    rows[-1][-1] = ""  # background taken for background can't be counted
    return _table(heads, rows)


def _thumbnail(one: Mistaken, dataset: Dataset, _: Translate) -> str:
    """A picture with its boxes, and why it is among the worst; masked, as nobody knows where a dataset is from."""
    (picture,) = (row for row in dataset.pictures if row.name == one.name)
    image = masker().masked(read_picture(dataset, picture)).image
    height = max(round(image.shape[0] * THUMBNAIL_PX / image.shape[1]), 1)
    address = small_address(np.ascontiguousarray(image[..., ::-1]), THUMBNAIL_PX)
    boxes = "".join(_box(box, THUMBNAIL_PX, height) for box in one.boxes)
    why = []
    if one.missed:
        why.append(_(N_("missed: {classes}")).format(classes=", ".join(one.missed)))
    if one.false:
        why.append(_(N_("false: {classes}")).format(classes=", ".join(one.false)))
    where = " · ".join(text for text in (one.name, one.road, one.source) if text)
    return (
        f'<figure><svg viewBox="0 0 {THUMBNAIL_PX} {height}"><image href="{address}" width="{THUMBNAIL_PX}"'
        f' height="{height}"/>{boxes}</svg><figcaption><b>{escape("; ".join(why))}</b><br>{escape(where)}'
        "</figcaption></figure>"
    )


def _box(box: Drawn, width: int, height: int) -> str:
    x1, y1, x2, y2 = box.xyxy
    is_label = box.score is None
    colour = "#ffffff" if is_label else CLASSES[CODES.index(box.code)].colour
    text = box.code if box.score is None else f"{box.code} {box.score:.2f}"
    y = y2 * height - 3 if is_label else max(y1 * height - 3, 10)
    dash = "" if box.right else ' stroke-dasharray="5 4"'
    return (
        f'<rect x="{x1 * width:.1f}" y="{y1 * height:.1f}" width="{(x2 - x1) * width:.1f}"'
        f' height="{(y2 - y1) * height:.1f}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        f'<text x="{x1 * width + 2:.1f}" y="{y:.1f}" font-size="11" fill="#fff" stroke="{"#000" if is_label else colour}"'
        f' stroke-width="2.5" paint-order="stroke">{escape(text)}</text>'
    )


def summary(told: Evaluation, translate: Translate) -> str:
    """The scores as lines for a terminal."""
    _ = translate
    lines = list(_facts(told, _))
    for score in told.whole.scores:
        text = _(N_("{name}: AP50 {ap50}, precision {precision}, recall {recall}, F1 {f1}; labels: {labels}"))
        lines.append(
            text.format(
                name=class_name(score.code, _),
                ap50=number(score.ap50, score.ap50_interval),
                precision=number(score.precision),
                recall=number(score.recall),
                f1=number(score.f1, score.f1_interval),
                labels=score.labels,
            )
        )
    return "\n".join(lines)
