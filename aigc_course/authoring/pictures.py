"""Stored pictures: find them in outputs, see whether one is empty, and whether two are alike.

Two runs of one cell on two machines give pictures that differ by a little anti-aliasing and by
the last digits of what is drawn. A changed curve, label or image moves whole blocks of pixels.
:func:`difference` tells the two apart.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

PICTURE_TYPES = ("image/png", "image/jpeg", "image/gif")
_IN_HTML = re.compile(r"data:(image/(?:png|jpeg|gif));base64,([A-Za-z0-9+/=\s]+)")
BLOCK = 16  # side of the squares that are compared, in pixels
LEVEL = 0.05  # a square whose mean colour moved by more than this (of 1) has changed
SHARE = 0.004  # so much of the picture may change before it is another picture


@dataclass(frozen=True)
class Picture:
    """One stored picture: its MIME type, its bytes and the words that stand in for it."""

    mime: str
    data: bytes
    alt: str = ""

    def frames(self) -> list[np.ndarray]:
        """The pixels, (H, W, 3) float32 in [0, 1]: one array, or one a frame of an animation.

        Raises:
            ValueError: the bytes are not a picture.
        """
        try:
            with Image.open(io.BytesIO(self.data)) as image:
                found = []
                for k in range(getattr(image, "n_frames", 1)):
                    image.seek(k)
                    white = Image.new("RGBA", image.size, "white")
                    white.alpha_composite(image.convert("RGBA"))
                    found.append(np.asarray(white.convert("RGB"), dtype=np.float32) / 255)
                return found
        except OSError as error:
            raise ValueError(f"{self.mime}: {len(self.data)} bytes that are no picture") from error


def pictures(outputs: Iterable[Any]) -> list[Picture]:
    """All pictures in a cell's outputs, those inside HTML included, in order."""
    found = []
    for output in outputs:
        data = output.get("data", {})
        alt = _joined(data.get("text/plain", ""))
        for mime in PICTURE_TYPES:
            if mime in data:
                raw = base64.b64decode(_joined(data[mime]))
                named = output.get("metadata", {}).get(mime, {}).get("alt", "")
                found.append(Picture(mime, raw, named or alt))
        for mime, raw64 in _IN_HTML.findall(_joined(data.get("text/html", ""))):
            found.append(Picture(mime, base64.b64decode(raw64), alt))
    return found


def without_pictures(html: str) -> str:
    """HTML with every embedded picture replaced by a placeholder."""
    return _IN_HTML.sub(lambda match: f"data:{match.group(1)};…", html)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def is_blank(picture: Picture) -> bool:
    """True when every frame is a single colour: a figure nobody drew on."""
    return all(float(np.ptp(frame, axis=(0, 1)).max()) < 0.02 for frame in picture.frames())


def difference(a: Picture, b: Picture) -> float:
    """Share of the picture that changed, 0 to 1; above :data:`SHARE` it is another picture.

    Each frame is cut into squares of :data:`BLOCK` pixels; a square has changed when its mean
    colour moved by more than :data:`LEVEL` in some channel or its contrast (standard deviation)
    did. Pictures of different sizes (beyond two pixels) or frame counts differ wholly.
    """
    first, second = a.frames(), b.frames()
    if len(first) != len(second):
        return 1.0
    return max(_frame_difference(x, y) for x, y in zip(first, second, strict=True))


def _frame_difference(x: np.ndarray, y: np.ndarray) -> float:
    if max(abs(x.shape[0] - y.shape[0]), abs(x.shape[1] - y.shape[1])) > 2:
        return 1.0
    h, w = min(x.shape[0], y.shape[0]), min(x.shape[1], y.shape[1])
    if min(h, w) < BLOCK:
        return float(np.abs(x[:h, :w] - y[:h, :w]).mean() > LEVEL)
    rows, cols = h // BLOCK, w // BLOCK

    def squares(frame: np.ndarray) -> np.ndarray:
        cut = frame[: rows * BLOCK, : cols * BLOCK]
        return cut.reshape(rows, BLOCK, cols, BLOCK, 3).transpose(0, 2, 1, 3, 4)

    p, q = squares(x), squares(y)
    mean = np.abs(p.mean(axis=(2, 3)) - q.mean(axis=(2, 3))).max(axis=-1)
    contrast = np.abs(p.std(axis=(2, 3)) - q.std(axis=(2, 3))).max(axis=-1)
    return float((np.maximum(mean, contrast) > LEVEL).mean())
