"""The words of the map page, by the names its scripts use: English here, translated where the page is built."""

from __future__ import annotations

from detector.errors import N_, Translate

WORDS: dict[str, str] = {
    "map": N_("Map"),
    "zoom_in": N_("Zoom in"),
    "zoom_out": N_("Zoom out"),
    "panel": N_("What the map shows"),
    "layer": N_("Layer"),
    "view_damages": N_("Damages"),
    "view_condition": N_("Condition"),
    "view_hot_spots": N_("Hot spots"),
    "view_rate": N_("Per km"),
    "view_coverage": N_("Coverage"),
    "view_change": N_("Change"),
    "more": N_("Filter and legend"),
    "less": N_("Close"),
    "filters": N_("Filter"),
    "by_class": N_("Damage class"),
    "by_severity": N_("Severity"),
    "by_state": N_("State by passes"),
    "least_confidence": N_("Confidence from"),
    "seen_between": N_("Seen between"),
    "all_dates": N_("All dates"),
    "reversed": N_("The dates are reversed: {from} is after {to}. The map is as it was."),
    "shown": N_("Damages: {count} of {total}"),
    "in_view": N_("Damages in view: {count}"),
    "undated": N_("({count} without a date are left out)"),
    "list": N_("Damages in view, gravest first: {count}"),
    "list_far": N_("Closer in, the damages in view are listed here."),
    "covered": N_("{km} km of street"),
    "day_from": N_("From day"),
    "day_to": N_("To day"),
    "cluster": N_("damages: {count}"),
    "strays": N_("Damages that are not on the map, as they lie nowhere near: {count}"),
    "areas": N_("Areas"),
    "area_number": N_("Area {number}"),
    "details": N_("Details"),
    "damage_page": N_("Open this damage's page"),
    "close": N_("Close"),
    "picture_of": N_("Evidence picture of damage {number}"),
    "no_picture": N_("The picture {name} is not beside this page."),
    "open_picture": N_("Open the evidence picture"),
    "masked": N_("Part of this damage is masked ({share})."),
    "no_answer": N_("The server does not answer; what is shown may be old. Move the map to try again."),
    "broken": N_("The map can't be shown: {reason}"),
    "size": N_("Size"),
    "size_of": N_("{length} m long, {width} m wide"),
    "area": N_("Area"),
    "growing": N_("Growing"),
    "growth": N_("{rate} m² a year"),
    "confidence": N_("Confidence"),
    "road": N_("Road"),
    "chainage": N_("Chainage"),
    "error": N_("Position error"),
    "error_of": N_("± {metres} m (95 %)"),
    "error_legend": N_("Position error of the damage chosen (95 %)"),
    "place": N_("Latitude, longitude"),
    "passes": N_("Passes"),
    "passes_of": N_("seen in {seen} of {passes} passes; there with {share}"),
    "sightings": N_("Sightings: {count}"),
    "not_seen": N_("passed, not seen"),
    "in_video": N_("{drive}, at {time}"),
    "no_date": N_("time unknown"),
    "length": N_("Length"),
    "damages": N_("Damages"),
    "rate": N_("Per km of street"),
    "per_km": N_("{rate} a km"),
    "driven_times": N_("Drives that went along it"),
    "drives": N_("Drives"),
    "unnamed_road": N_("Road without a name"),
    "street": N_("Stretch of street"),
    "driven_street": N_("Street driven"),
    "unseen_street": N_("Driven, could not be judged"),
    "street_rate": N_("{rate} a km ({count} on {metres} m)"),
    "street_driven": N_("driven {times} ×, last on {day}"),
    "not_driven_then": N_("Not driven in these dates"),
    "rate_title": N_("Damages per km of street"),
    "from": N_("{from} a km and more"),
    "from_to": N_("{from} to {to} a km"),
    "below": N_("fewer than {to} a km"),
    "none": N_("none"),
    "rate_note": N_(
        "Damages that pass the filter, by the length of the street: each stretch of up to 100 m counts once"
        " however often it was driven. Stretches under {metres} m count as {metres} m."
    ),
    "rate_beside": N_("Damages beside all stretches, which are not in it: {count}."),
    "worst_streets": N_("Worst stretches"),
    "last_driven": N_("Last driven, as of {day}"),
    "within_days": N_("within {days} days (since {since})"),
    "older": N_("more than {days} days ago"),
    "how_often": N_("How often"),
    "times": N_("drives: {times}"),
    "times_from": N_("{from} drives and more"),
    "coverage_note": N_("Where there is no line nothing was driven."),
    "longest_ago": N_("Driven longest ago"),
    "condition_title": N_("Diagnosis of the pavement"),
    "diagnosis_1": N_("Ⅰ sound"),
    "diagnosis_2": N_("Ⅱ surface to be kept up"),
    "diagnosis_3": N_("Ⅲ to be repaired"),
    "not_judged": N_("seen too little to judge"),
    "not_surveyed": N_("not surveyed"),
    "judged": N_("{km} of {all} km judged"),
    "worst_segments": N_("Worst segments of {metres} m in view: {count} judged"),
    "none_judged": N_("No segment in view was judged."),
    "condition_note": N_(
        "The diagnosis goes by what is known: the crack ratio, and rut depth and IRI where they were measured."
        " An engineer decides."
    ),
    "sides_note": N_(
        "Both directions of a road are drawn side by side, each on the side that traffic keeps, and counted by themselves."
    ),
    "hot_title": N_("Places with more damages than chance"),
    "hot_level": N_("hot ({level} %)"),
    "level_none": N_("not hot"),
    "not_compared": N_("not compared: too little seen"),
    "hot_of": N_("{hot} of {total} places are hot"),
    "hot_ranked": N_("Hot spots by rank: {count}"),
    "hot_none": N_("No place has more damages than chance would have it."),
    "hot_note": N_(
        "Damages weighted by class and size, by the lane-km seen, of each place and its neighbours against all"
        " (Getis-Ord Gi*). Of the places that are hot at 99 %, one in a hundred may be so by chance."
    ),
    "first_day": N_("Earlier day"),
    "second_day": N_("Later day"),
    "one_day": N_("There are drives of one day only: a change shows once there is another."),
    "change_fresh": N_("new"),
    "change_worse": N_("worse"),
    "change_same": N_("unchanged"),
    "change_better": N_("better"),
    "change_repaired": N_("probably repaired"),
    "change_unclear": N_("not seen, unclear"),
    "change_first": N_("driven for the first time"),
    "change_undriven": N_("not driven again"),
    "change_note": N_(
        "New: passed without being seen up to the earlier day, and seen since. Worse or better: its size"
        " differs beyond the errors of both. Probably repaired: passed at least twice without being seen. A person decides."
    ),
}  # fmt: skip
"""Name → English words; {fields} are filled in the page."""

CHANGES: dict[str, tuple[str, str, bool]] = {
    "fresh": ("#c0263d", "+", False),
    "worse": ("#7b2d8b", "▲", False),
    "same": ("#6b7280", "", False),
    "better": ("#2a9d8f", "▼", False),
    "repaired": ("#00795a", "✓", False),
    "unclear": ("#0a6aa6", "?", True),
    "first": ("#b26a00", "", True),
    "undriven": ("#8b93a1", "", True),
}
"""What can have become of a damage, in the order of `change.js` → colour, sign, hollow."""


def words(translate: Translate) -> dict[str, str]:
    """The words in a language."""
    return {name: translate(english) for name, english in WORDS.items()}
