"""Lists in pages: rows in the order of their numbers."""

# Without deferred annotations: ninja reads those of a paged view outside of its module.

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Schema
from ninja.pagination import PaginationBase

BIGGEST = 2**63 - 1
MOST_ROWS = 1000


class ByNumber(PaginationBase):
    """Rows in the order of their numbers; the next page begins after the last one's, whatever was added meanwhile."""

    items_attribute = "results"

    class Input(Schema):
        """Where to begin, and how many."""

        after: int = Field(0, ge=0, le=BIGGEST, description="The number after which to begin")
        limit: int = Field(100, ge=1, le=MOST_ROWS)

    class Output(Schema):
        """A page."""

        results: list[Any]
        next: int | None = Field(description="`after` of the next page; null at the end")

    def __init__(self, row_of: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.row_of = row_of

    def paginate_queryset(
        self, queryset: QuerySet[Any], pagination: Any, request: HttpRequest, **params: Any
    ) -> dict[str, Any]:
        """A page of rows, as the API tells them."""
        rows = list(queryset.filter(pk__gt=pagination.after).order_by("pk")[: pagination.limit + 1])
        more = len(rows) > pagination.limit
        shown = rows[: pagination.limit]
        return {"results": [self.row_of(row) for row in shown], "next": shown[-1].pk if more else None}


def known(number: int) -> int:
    """A row's number. Raises Http404 for one that no database can have."""
    if number > BIGGEST:
        raise Http404
    return number
