"""The report on masking in words and tables: what docs/masking.md and the application's page both say.

Words are templates with a translation; tables are rows of text, the first one their headings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.card import markdown_table
from detector.errors import N_, Translate
from detector.private import WEIGHTS, Kind
from training.masking_report import (
    LIGHT,
    PROMISED,
    REAL_MM,
    SIZE,
    WHO,
    WORN,
    YAW,
    MaskingReport,
    Recall,
    farthest_m,
    seen_px,
)

Rows = list[list[str]]

VIEWS_DEG = (90, 110, 130)
"""Horizontal fields of view of usual dashcams."""
DISTANCES_M = (3, 5, 10, 20)
WIDTH_PX = 1280
"""The width of pictures that sizes are told in."""
WHOLE = N_("the program's own licence (LICENSE)")
METHOD = (
    N_(
        "Two networks look at each picture, brought to 1280 px, on the processor: one for faces, one for number plates, which looks in half that size too, for plates close by. At pictures that are handed on as a whole both look in other sizes too. What either takes for one, from a low score on, is covered by one flat colour, grown on all sides: nothing of it can be brought back. This happens before a picture is first written; without the networks none is. What sizes and scores were chosen by stands in docs/experiments.md."
    ),
    N_(
        "How much of it is missed was measured on pictures made for it: plates of all Japanese kinds, drawn as the ordinance has them, on vehicles, and portraits of four people, cut out. They are put onto rendered streets and onto real pictures of roads that no network learnt from, at known sizes, turned by up to 60° sideways, 15° up or down and 10° askew, by day, with the sun low, against the light, in the dark and in headlights, smeared in any direction and compressed as JPEG or H.264. No network learnt from these plates: another program, which shares nothing with this one, drew those to learn from. The network for faces learnt from photographs out of the internet (WIDER FACE), which may show these four people too."
    ),
    N_(
        "A face or plate counts as masked where four fifths of it or more are covered. The intervals (95 %) are widened, as things in one picture are alike. A size is promised where, from it on, in each class of size the interval lies above {promised} %: at least so many are masked in pictures like those measured. Below it nothing is promised. Sizes are in a picture 1280 px wide; in one of 1920 px the same thing has half as many px again."
    ),
)
LIMITS = (
    N_(
        "The pictures are made ones. How many faces and plates are missed on your own streets they do not tell: look at your own pictures too."
    ),
    N_(
        "The faces are four people's, all looking into the camera, and the intervals say nothing of other people; a portrait that is turned is a flat picture turned. Heads seen from the side or from behind, children, faces behind windscreens, under umbrellas, helmets or sunglasses were not measured."
    ),
    N_(
        "The plates are drawn: no picture of a real one was at hand. Dirty or bent ones, half hidden or behind rain on the windscreen were not measured, nor those of other countries."
    ),
    N_(
        "People as a whole, their clothes and gait, what is written on vehicles, houses and name plates, reflections and the inside of the own vehicle are not masked."
    ),
    N_(
        "A face or plate that is missed stays visible. Whoever hands pictures on looks at them first; the municipality stays responsible."
    ),
)
HEADINGS = {
    YAW: N_("turned sideways (°)"),
    LIGHT: N_("light"),
    WHO: N_("who"),
    WORN: N_("mask on the mouth"),
}
SIZES = {str(Kind.plate): N_("width (px)"), str(Kind.face): N_("height (px)")}
PROMISES = {
    str(Kind.plate): N_(
        "Of those {size} px wide or more, in a picture 1280 px wide, at least {share} % are masked. Nothing is promised of smaller ones."
    ),
    str(Kind.face): N_(
        "Of those {size} px high or more, in a picture 1280 px wide, at least {share} % are masked. Nothing is promised of smaller ones."
    ),
}


@dataclass(frozen=True)
class Network:
    """A network's file, the SHA-256 of its content, and the text of its licence, "" for the program's own."""

    file: str
    sha256: str
    licence: str

    @property
    def licence_name(self) -> str:
        """The first words of the licence."""
        return " ".join(self.licence.split("\n\n")[0].split()) or WHOLE


def licensed(report: MaskingReport, folder: Path = WEIGHTS) -> list[Network]:
    """The networks that a report is of, with their licences as they lie beside them."""
    made = []
    for file, sha256 in report.networks.items():
        text = folder / f"LICENSE.{Path(file).stem}"
        made.append(Network(file, sha256, text.read_text("utf-8").strip() if text.is_file() else ""))
    return made


def percent(share: float) -> str:
    """A share with a digit after the point."""
    return f"{100 * share:.1f} %"


def recall_rows(report: MaskingReport, kind: str, what: str, translate: Translate) -> Rows:
    """What share is masked of a kind, by size, yaw, light, or who it is of."""
    _ = translate
    head = [
        _(SIZES[kind] if what == SIZE else HEADINGS[what]),
        _(N_("measured")),
        _(N_("masked")),
        _(N_("interval (95 %)")),
    ]
    if what == WHO and kind == Kind.plate:
        head[0] = _(N_("kind of plate"))
    return [head] + [
        [
            name_of(one, _),
            f"{one.count:,}",
            percent(one.share),
            f"{100 * one.low:.1f}–{100 * one.high:.1f} %",
        ]
        for one in report.by(kind, what)
    ]


def name_of(one: Recall, translate: Translate) -> str:
    """A class's name as people read it."""
    if one.by == WHO and one.kind == Kind.face:
        return one.name.title()
    return one.name if one.by in (SIZE, YAW) else translate(one.name)


def vain_rows(report: MaskingReport, translate: Translate) -> Rows:
    """Masks in vain a picture."""
    _ = translate
    head = [
        _(N_("in pictures")),
        _(N_("taken for")),
        _(N_("pictures looked at")),
        _(N_("masks in vain a picture")),
    ]
    on = {False: _(N_("of roads alone")), True: _(N_("with signs, boards and markings"))}
    return [head] + [
        [on[one.decoys], _(one.kind), f"{one.pictures:,}", f"{one.each:.2f}"] for one in report.in_vain
    ]


def distance_rows(report: MaskingReport, translate: Translate) -> Rows:
    """How far away a face and a car's plate are masked as promised, and how large a plate is seen, by field of view."""
    _ = translate
    promised = {kind: report.promised_px(kind) for kind in REAL_MM}
    head = [_(N_("field of view")), _(N_("plate masked up to")), _(N_("face masked up to"))]
    head += [_(N_("plate at {metres} m")).format(metres=metres) for metres in DISTANCES_M]
    rows = [head]
    for view in VIEWS_DEG:
        row = [f"{view}°"]
        for kind in (Kind.plate, Kind.face):
            least = promised[kind]
            row.append("–" if least is None else f"{farthest_m(REAL_MM[kind], least, view, WIDTH_PX):.1f} m")
        row += [f"{seen_px(REAL_MM[Kind.plate], metres, view, WIDTH_PX):.0f} px" for metres in DISTANCES_M]
        rows.append(row)
    return rows


def promise(report: MaskingReport, kind: str, translate: Translate) -> str:
    """From which size on how much is promised of a kind."""
    least = report.promised_px(kind)
    if least is None:
        return translate(N_("Nothing is promised at any size."))
    return translate(PROMISES[kind]).format(size=least, share=round(100 * PROMISED))


def damages_told(report: MaskingReport, translate: Translate) -> str:
    """How far masks lie over damages of real pictures; "" where that was not measured."""
    told = report.damages
    if told is None:
        return ""
    text = N_(
        "On {pictures} real pictures of roads, held out from learning, masks touch {touched} of {damages} labelled damages ({percent}) and cover {share} of their boxes' area. Where a mask lies over a damage, the picture is hatched there."
    )
    return translate(text).format(
        pictures=told.pictures,
        touched=told.touched,
        damages=told.damages,
        percent=percent(told.touched / told.damages),
        share=percent(told.share),
    )


def cost_told(report: MaskingReport, translate: Translate) -> str:
    """How long masking takes, and on what."""
    text = N_(
        "A picture of {width} x {height} px took {cpu:.1f} s of the processor's time ({processor}). {pictures} pictures with faces and plates were measured on {day}."
    )
    return translate(text).format(
        width=report.size_px[0],
        height=report.size_px[1],
        cpu=report.cpu_seconds,
        processor=report.processor,
        pictures=report.pictures,
        day=report.day,
    )


def method_told(translate: Translate) -> list[str]:
    """How it is masked and measured."""
    return [translate(text).format(promised=round(100 * PROMISED)) for text in METHOD]


def markdown(report: MaskingReport, translate: Translate) -> str:
    """The whole report as a page of the documentation."""
    _ = translate
    parts = ["# " + _(N_("Masking: what is covered, and how much is missed"))]
    parts.append(
        _(
            N_(
                "Made by `scripts/write-masking` from `detector/weights/masking.json`, the report of a measuring."
            )
        )
    )
    parts += method_told(_)
    for kind, title in ((Kind.plate, N_("Number plates")), (Kind.face, N_("Faces"))):
        parts += ["## " + _(title), promise(report, kind, _)]
        parts.append(markdown_table(recall_rows(report, kind, SIZE, _)))
        parts.append(
            _(N_("Those of {size} px and more, by what else may matter:")).format(size=report.from_px[kind])
        )
        parts += [
            markdown_table(recall_rows(report, kind, what, _))
            for what in (YAW, LIGHT, WORN, WHO)
            if report.by(kind, what)
        ]
    parts += ["## " + _(N_("In metres")), _(IN_METRES), markdown_table(distance_rows(report, _))]
    parts += ["## " + _(N_("What is covered in vain")), markdown_table(vain_rows(report, _))]
    parts += [damages_told(report, _)] if report.damages else []
    parts += ["## " + _(N_("Time that it takes")), cost_told(report, _)]
    parts += ["## " + _(N_("Limits")), "\n".join(f"- {_(text)}" for text in LIMITS)]
    parts += ["## " + _(N_("Networks")), _(REMADE)]
    files = [[_(N_("file")), _(N_("licence")), "SHA-256"]]
    files += [[f"`{one.file}`", _(one.licence_name), f"`{one.sha256}`"] for one in licensed(report)]
    parts.append(markdown_table(files))
    return "\n\n".join(parts) + "\n"  # fmt: skip


IN_METRES = N_(
    "A car's plate is 330 mm wide, a face from hair to chin about 23 cm high. So many px they have, straight ahead in a picture 1280 px wide, and so far away the promise holds, by the camera's horizontal field of view. The large digits of a plate are a quarter of its width high: 8 px on a plate of 32 px."
)
REMADE = N_(
    "The report belongs to these files and to the sizes, scores and growing that it names; with any others it is to be made again (`python -m training.masking_score`)."
)
