"""What a form says at its head: how much of it is a model's word still, and what people decided."""

from __future__ import annotations

import geopandas

from detector.errors import N_, Translate

PROPOSALS = N_("Proposals of a model; a person decides.")
SOME = N_("People decided on {decided} of {count} damages; the others are proposals of a model.")
ALL = N_("People decided on all of these damages.")


def decided_so_far(decided: int, count: int, translate: Translate) -> str:
    """For so many damages, of which people decided on some."""
    text = translate(PROPOSALS if not decided else ALL if decided == count else SOME)
    return text.format(decided=f"{decided:,}", count=f"{count:,}")


def decided_in(damages: geopandas.GeoDataFrame | None, translate: Translate) -> str:
    """For a table of damages (`maps.tables`), where there is one."""
    if damages is None or "decided" not in damages:
        return translate(PROPOSALS)
    decided = sum(isinstance(one, str) and one != "" for one in damages["decided"])
    return decided_so_far(decided, len(damages), translate)
