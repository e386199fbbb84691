"""The form that asks for a training."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import BooleanField, CharField, ChoiceField, Form, IntegerField
from django.http import QueryDict

from detector.errors import N_
from roaddamage.web.templating import say

CURRENT, PACKAGE = "current", "package"
STRIDE_PX = 32
"""Networks take pictures whose sides are multiples of this."""


class TrainingForm(Form):
    """What to train on, and how; begins with what suits a model that is to be improved."""

    name = CharField(max_length=60)
    dataset = ChoiceField()
    frames = BooleanField(required=False)
    begin_from = ChoiceField(choices=[(CURRENT, CURRENT), (PACKAGE, PACKAGE)])
    epochs = IntegerField(min_value=1, max_value=1000)
    image_px = IntegerField(min_value=STRIDE_PX, max_value=2048)
    batch = IntegerField(min_value=1, max_value=512)
    budget_min = IntegerField(min_value=1, max_value=60 * 24 * 14, required=False)

    def __init__(self, datasets: dict[str, Counter[str]], data: QueryDict | None = None) -> None:
        begin = {
            "frames": True, "begin_from": CURRENT, "epochs": 50, "image_px": 640, "batch": 16,
            "dataset": next(iter(datasets), ""),
        }  # fmt: skip
        super().__init__(data, initial=begin)
        self.fields["dataset"] = ChoiceField(choices=[(name, name) for name in datasets])

    def clean_image_px(self) -> int:
        """Raises ValidationError for what is no multiple of the stride."""
        image_px: int = self.cleaned_data["image_px"]
        if image_px % STRIDE_PX:
            raise ValidationError(
                say(N_("The pictures' size has to be a multiple of {px}, such as {example}.")).format(
                    px=STRIDE_PX, example=round(image_px / STRIDE_PX) * STRIDE_PX
                )
            )
        return image_px

    def shown(self, name: str) -> Any:
        """What a field shows."""
        value = self[name].value()
        return "" if value is None else value
