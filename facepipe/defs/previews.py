"""Pictures and tables in the form the Dagster UI shows them."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import dagster as dg
import numpy as np
import pandas as pd
from PIL import Image

from facepipe.arrays import RgbImage
from facepipe.media.animation import animated_webp

_JPEG_QUALITY = 80
_MAX_WIDTH_PX = 720
_ANIMATED_WIDTH_PX = 320


def picture(image_rgb: RgbImage) -> dg.MarkdownMetadataValue:
    """A picture, shrunk to a few tens of kilobytes because events live in a database."""
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    height, width = bgr.shape[:2]
    if width > _MAX_WIDTH_PX:
        size_wh = (_MAX_WIDTH_PX, round(height * _MAX_WIDTH_PX / width))
        bgr = cv2.resize(bgr, size_wh, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return embedded("image/jpeg", data.tobytes())


def picture_file(path: Path) -> dg.MarkdownMetadataValue:
    """A picture file, as `picture` shows it."""
    return picture(_read(path))


def table(frame: pd.DataFrame, most: int = 50) -> dg.TableMetadataValue:
    """The first `most` rows of a table."""
    rows: list[dict[str, Any]] = frame.head(most).to_dict("records")  # pyright: ignore
    plain = [{str(name): _plain(value) for name, value in row.items()} for row in rows]
    schema = dg.TableSchema([dg.TableColumn(str(name)) for name in frame.columns])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in plain], schema=schema)


def counts(values: pd.Series) -> pd.DataFrame:
    """How often each value stands in a column, most frequent first."""
    return values.value_counts().rename_axis("value").reset_index(name="count")


def _plain(value: Any) -> str | int | float | bool:
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float | bool) else str(value)


def embedded(kind: str, data: bytes) -> dg.MarkdownMetadataValue:
    """A picture that travels within the event itself."""
    return dg.MetadataValue.md(f"![](data:{kind};base64,{base64.b64encode(data).decode()})")


def picture_strip(paths: Sequence[Path], most: int = 6) -> dg.MarkdownMetadataValue:
    """Some pictures of a sequence side by side, evenly spread, all of one height."""
    chosen = [paths[round(k * (len(paths) - 1) / max(most - 1, 1))] for k in range(most)]
    pictures = [_read(path) for path in dict.fromkeys(chosen)]
    height = 120
    small = [
        cv2.resize(p, (max(1, round(p.shape[1] * height / p.shape[0])), height)) for p in pictures
    ]
    return picture(np.hstack(small).astype(np.uint8))


def animation(paths: Sequence[Path], most: int = 20) -> dg.MarkdownMetadataValue:
    """Pictures of one size one after the other, evenly chosen among many, and small."""
    places = np.linspace(0, len(paths) - 1, min(most, len(paths))).round().astype(int)
    pictures = [_read(paths[place]) for place in places.tolist()]
    height, width = pictures[0].shape[:2]
    size_wh = (_ANIMATED_WIDTH_PX, round(height * _ANIMATED_WIDTH_PX / width))
    small = [cv2.resize(each, size_wh, interpolation=cv2.INTER_AREA) for each in pictures]
    return embedded(
        "image/webp", animated_webp([np.asarray(each, np.uint8) for each in small], 0.5)
    )


def _read(path: Path) -> RgbImage:
    return np.asarray(Image.open(path).convert("RGB"))
