"""The assessment of a survey: its damages on the roads, segments, hot spots and priorities, worked out once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maps.damage import Damage
from maps.exposure import Exposure, exposure
from maps.hot_spots import HotSpots, hot_spots
from maps.network import Network
from maps.on_roads import OnRoads, on_roads
from maps.passes import Recall, Surveyed
from maps.priority import Priority, priority
from maps.roads import Roads, driven_roads
from maps.rules import Rules
from maps.segments import Segments, segments
from maps.snapping import NO_ROAD, Track
from maps.streets import streets
from maps.survey import Survey


@dataclass(frozen=True)
class Assessment:
    """All that is told of a survey. `placed` and `points` are in the order of `damages`."""

    survey: Survey
    rules: Rules
    network: Network
    seen: Exposure
    tracks: dict[str, Track]
    damages: list[Damage]
    recall: Recall
    placed: OnRoads
    short: Segments
    long: Segments
    hot: HotSpots
    points: Priority

    @property
    def named(self) -> list[Damage]:
        """The damages with the road and the chainage that each lies at, where somebody gave the roads."""
        roads, placed = self.network.roads, self.placed
        if not roads.given:
            return self.damages
        return [
            replace(damage, road=roads.told(line), chainage_m=at) if line != NO_ROAD else damage
            for damage, line, at in zip(self.damages, placed.line.tolist(), placed.at_m.tolist(), strict=True)
        ]


def roads_of(survey: Survey) -> Roads:
    """The ways driven as roads, where nobody gave any."""
    return driven_roads(streets(survey.driven))


def assess(survey: Survey, network: Network, rules: Rules, counted: Surveyed | None = None) -> Assessment:
    """A survey on a network; `counted` are its damages, where they are known already."""
    counted = counted or survey.counted()
    seen, tracks = exposure(network, survey.ways)
    placed = on_roads(network, counted.damages, tracks, keep_left=rules.lanes.keep == "left")
    short, long = segments(network, seen, placed, counted.recall, rules.condition)
    told_utc_s = survey.end_utc_s if survey.now_utc_s is None else survey.now_utc_s
    return Assessment(
        survey, rules, network, seen, tracks, counted.damages, counted.recall, placed, short, long,
        hot_spots(network, seen, placed, counted.recall, rules.hot_spots),
        priority(counted.damages, placed, network.roads, told_utc_s, rules.priority, rules.hot_spots),
    )  # fmt: skip
