"""Whereabouts: on which road a damage lies, in words, and what that road counts for its priority."""

from __future__ import annotations

from detector.errors import N_, Translate
from maps.roads import is_made_up
from maps.rules import Rules
from roaddamage.records.models import Damage

OSM_KINDS = {
    "motorway": N_("motorway"), "trunk": N_("trunk road"), "primary": N_("primary road"),
    "secondary": N_("secondary road"), "tertiary": N_("tertiary road"), "unclassified": N_("minor road"),
    "residential": N_("residential road"), "living_street": N_("living street"), "service": N_("service road"),
    "track": N_("track"),
}  # fmt: skip
"""What OpenStreetMap's kinds are called; a ledger's own are called what they are."""


def on_road(row: Damage, translate: Translate) -> str:
    """The road and how far along it the damage lies; "" where it lies on none."""
    if row.chainage_m is None:
        return row.road
    text = translate(N_("{road}, {length} from its start"))
    return text.format(road=road_name(row, translate), length=f"{row.chainage_m:,.0f}\N{NO-BREAK SPACE}m")


def road_name(row: Damage, translate: Translate) -> str:
    """The road's name; its kind and number where it has none, and never a number that only we know."""
    if row.road != row.road_id:
        return row.road
    kind = kind_of_road(row.road_kind, translate)
    if is_made_up(row.road):
        return (
            translate(N_("{kind} without a name")).format(kind=kind)
            if kind
            else translate(N_("Road without a name"))
        )
    return f"{kind} {row.road_id}".strip()


def kind_of_road(kind: str, translate: Translate) -> str:
    """What a kind of road is called."""
    base = kind.removesuffix("_link")
    name = translate(OSM_KINDS[base]) if base in OSM_KINDS else kind
    return translate(N_("ramp of a {road}")).format(road=name) if base in OSM_KINDS and base != kind else name


def why_road(row: Damage, rules: Rules, translate: Translate) -> str:
    """Why the road's part of a damage's priority is what it is."""
    own = rules.priority
    share = f"{100 * own.carried(row.road_kind, row.traffic):.0f}\N{NO-BREAK SPACE}%"
    if row.traffic is not None:
        text = translate(N_("{count} vehicles a day, where {full} are full: counts {share}"))
        return text.format(count=f"{row.traffic:,.0f}", share=share, full=f"{own.traffic_full:,.0f}")
    if row.chainage_m is None:
        return translate(N_("on no known road: counts {share}")).format(share=share)
    if not row.road_kind:
        return translate(N_("kind of road not known: counts {share}")).format(share=share)
    kind = kind_of_road(row.road_kind, translate)
    if own.counted_as(row.road_kind) == "other" and row.road_kind != "other":
        text = translate(N_("{kind}, which has no value of its own in the rules: counts {share}"))
        return text.format(kind=kind, share=share)
    return translate(N_("{kind}: counts {share}")).format(kind=kind, share=share)
