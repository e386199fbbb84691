"""Pictures of a dataset side by side, with their boxes, to look at labels rather than count them.

They are masked here, wherever the dataset is from; its own files stay as they were imported.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from datasets.dataset import Dataset, DatasetError, Floats, Picture
from detector.classes import CLASSES
from detector.errors import N_
from detector.masking import masker

CELL_PX = (400, 300)
COLUMNS = 6
_TEXT_PX = 14


def chosen(
    dataset: Dataset, *, class_id: int | None = None, part: str = "", count: int = 24, seed: int = 0
) -> list[Picture]:
    """At most `count` pictures of a part (any, if "") with a box of a class (any picture, if None), drawn by lot.

    Raises DatasetError where there are none.
    """
    fitting = [
        one
        for one in dataset.pictures
        if (not part or one.part == part) and (class_id is None or class_id in one.class_id)
    ]
    if not fitting:
        raise DatasetError(N_("There are no such pictures in {path}."), path=dataset.folder)
    return random.Random(seed).sample(fitting, min(count, len(fitting)))  # noqa: S311  (no secret)


def write_sheet(dataset: Dataset, pictures: Sequence[Picture], out: Path) -> None:
    """Draw pictures with their boxes in the classes' colours, `COLUMNS` to a row, as JPEG or PNG by the name.

    Raises DatasetError for a picture that can't be read or a name of neither, ModelError where pictures can't be masked,
    OSError where nothing can be written.
    """
    form = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}.get(out.suffix.lower())
    if form is None:
        raise DatasetError(N_("{path}: a contact sheet is a .jpg or .png file."), path=out)
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * CELL_PX[0], rows * CELL_PX[1]), "white")
    for index, one in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(_cell(dataset, one), (column * CELL_PX[0], row * CELL_PX[1]))
    sheet.save(out, form, quality=88)


def _shaded(small: Image.Image, known: Floats) -> Image.Image:
    """A picture that is dark where nobody judged it; `known` (n, 4) xyxy as shares."""
    mask = Image.new("L", small.size, 0)
    for area in (known * np.tile(small.size, 2)).tolist():
        ImageDraw.Draw(mask).rectangle(area, fill=255)
    return Image.composite(small, Image.eval(small, lambda value: value // 3), mask)


def _cell(dataset: Dataset, picture: Picture) -> Image.Image:
    """One picture, fitted into its cell above its name, boxes drawn."""
    path = dataset.image_path(picture)
    cell = Image.new("RGB", CELL_PX, "white")
    room = CELL_PX[0] - 4, CELL_PX[1] - _TEXT_PX - 8
    try:
        with Image.open(path) as stored:
            upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(N_("{path} can't be read ({reason})."), path=path, reason=error) from error
    small = ImageOps.contain(Image.fromarray(masker().masked(upright).image), room)
    if picture.judged is not None and picture.known is not None:
        small = _shaded(small, picture.known)
    draw = ImageDraw.Draw(small)
    font = ImageFont.load_default(_TEXT_PX - 2)
    for class_id, box in zip(picture.class_id.tolist(), picture.xyxy.tolist(), strict=True):
        left, top, right, bottom = (share * size for share, size in zip(box, small.size * 2, strict=True))
        row = CLASSES[class_id]
        draw.rectangle((left, top, right, bottom), outline=row.colour, width=2)
        name = draw.textbbox((left + 2, max(top - _TEXT_PX, 0)), row.code, font=font)
        draw.rectangle(name, fill=row.colour)
        draw.text((left + 2, max(top - _TEXT_PX, 0)), row.code, fill="white", font=font)
    cell.paste(small, ((CELL_PX[0] - small.width) // 2, 2))
    told = f"{picture.part or '-'}  {picture.name}"
    # The built-in font knows Latin letters only.
    told = told.encode("ascii", "replace").decode()[:58]
    ImageDraw.Draw(cell).text((4, CELL_PX[1] - _TEXT_PX - 4), told, fill="black", font=font)
    return cell
