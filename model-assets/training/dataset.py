"""Metaphase images with chromosome boxes: a folder in the form of `cil54816/`.

`<part>.json` (COCO; categories named by chromosome type, any order) and the images, plain in the folder or in
`<part>*.tar`. Decoded once to gray u8 into a cache beside the run, and again where folder, images or their order change.
"""
from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from configuration import TYPES


class DataError(ValueError):
    """Names the file or value that is wrong, what was expected and what came."""


@dataclasses.dataclass(frozen=True)
class Metaphase:
    """One image: boxes [G, 4] xyxy image px, types [G] index into TYPES."""

    file_name: str
    width: int
    height: int
    boxes: np.ndarray
    types: np.ndarray
    offset: int = 0

    @property
    def size(self) -> float:
        """Median sqrt(box area) weighted by area: the statistic that the scout regresses."""
        if len(self.boxes) == 0:
            return 0.0
        areas = (self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1])
        order = np.argsort(areas)
        cumulative = np.cumsum(areas[order])
        return float(np.sqrt(areas[order][np.searchsorted(cumulative, cumulative[-1] / 2)]))


def read_annotations(path: Path) -> list[Metaphase]:
    try:
        coco = json.loads(path.read_text())
    except FileNotFoundError:
        raise DataError(f"{path}: expected a COCO JSON file, found none") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: expected COCO JSON, got {error}") from None
    for key in ("images", "annotations", "categories"):
        if key not in coco:
            raise DataError(f"{path}: expected the key '{key}', got {', '.join(coco) or 'none'}")
    type_of = {}
    for category in coco["categories"]:
        if category["name"] not in TYPES:
            raise DataError(f"{path}: unknown type {category['name']!r}, expected one of {' '.join(TYPES)}")
        type_of[category["id"]] = TYPES.index(category["name"])
    boxes: dict[int, list] = {image["id"]: [] for image in coco["images"]}
    sizes = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    for annotation in coco["annotations"]:
        image_id = annotation["image_id"]
        if image_id not in boxes:
            raise DataError(f"{path}: annotation {annotation['id']} names image {image_id}, which is not in 'images'")
        if annotation["category_id"] not in type_of:
            raise DataError(f"{path}: annotation {annotation['id']} has unknown type {annotation['category_id']}")
        x, y, w, h = annotation["bbox"]
        width, height = sizes[image_id]
        if not (w > 0 and h > 0 and x >= -0.5 and y >= -0.5 and x + w <= width + 0.5 and y + h <= height + 0.5):
            raise DataError(f"{path}: annotation {annotation['id']}: box {[x, y, w, h]} is not inside its {width}x{height} image")
        boxes[image_id].append((x, y, x + w, y + h, type_of[annotation["category_id"]]))
    result = []
    for image in coco["images"]:
        rows = np.asarray(boxes[image["id"]], np.float32).reshape(-1, 5)
        result.append(Metaphase(image["file_name"], image["width"], image["height"], rows[:, :4], rows[:, 4].astype(np.int64)))
    return result


def image_sources(data: Path, part: str) -> dict:
    """Each image's name -> a function that reads its bytes."""
    sources = {}
    for path in data.glob("*"):
        if path.suffix.lower() in (".webp", ".png", ".jpg", ".jpeg", ".tif", ".tiff"):
            sources[path.name] = path.read_bytes
    for shard in sorted(data.glob(f"{part}*.tar")):
        try:
            with tarfile.open(shard) as tar:
                for member in tar.getmembers():
                    if member.isfile():
                        sources[Path(member.name).name] = _member_reader(shard, member.offset_data, member.size)
        except tarfile.TarError as error:
            raise DataError(f"{shard}: expected a tar shard, got {error}") from None
    return sources


def sources_digest(data: Path, part: str, items: list[Metaphase]) -> str:
    """Of all that the cached pixels follow from: the folder, the images in their order, the files they come from."""
    files = [*sorted(data.glob(f"{part}*.tar")), *(data / item.file_name for item in items)]
    states = [(path.name, path.stat()) for path in files if path.is_file()]
    value = {
        "data": str(data.resolve()),
        "images": [(item.file_name, item.width, item.height) for item in items],
        "sources": [(name, state.st_size, state.st_mtime_ns) for name, state in states],
    }
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _member_reader(shard: Path, offset: int, size: int):
    def read() -> bytes:
        with open(shard, "rb") as file:
            file.seek(offset)
            return file.read(size)

    return read


def decode_gray(content: bytes, name: str) -> np.ndarray:
    """u8 [H, W]. A gray WebP decodes as RGB with equal channels."""
    try:
        return np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{name}: expected a readable image, got {error}") from None


class MetaphaseSet:
    """The images of one part, decoded once into one memory-mapped u8 file."""

    def __init__(self, data: Path, part: str, cache: Path):
        data, cache = Path(data), Path(cache)
        if not data.is_dir():
            raise DataError(f"{data}: expected a folder with {part}.json and its images, found none")
        items = read_annotations(data / f"{part}.json")
        offset, placed = 0, []
        for item in items:
            placed.append(dataclasses.replace(item, offset=offset))
            offset += item.width * item.height
        self.items = placed
        cache.mkdir(parents=True, exist_ok=True)
        path, made_of = cache / f"{part}.u8", cache / f"{part}.digest"
        digest = sources_digest(data, part, items)
        kept = path.exists() and path.stat().st_size == offset and made_of.exists() and made_of.read_text() == digest
        if not kept:
            self._decode(data, part, path)
            made_of.write_text(digest)
        self.pixels = np.memmap(path, np.uint8, "r")

    def _decode(self, data: Path, part: str, path: Path) -> None:
        sources = image_sources(data, part)
        partial = path.with_suffix(f".{os.getpid()}.partial")  # another run may find the same cache stale
        try:
            with open(partial, "wb") as file:
                for item in self.items:
                    if item.file_name not in sources:
                        raise DataError(f"{data}: image {item.file_name} of {part}.json is in no {part}*.tar and not in the folder")
                    gray = decode_gray(sources[item.file_name](), item.file_name)
                    if gray.shape != (item.height, item.width):
                        raise DataError(f"{item.file_name}: expected {item.width}x{item.height} as in {part}.json, got {gray.shape[1]}x{gray.shape[0]}")
                    file.write(gray.tobytes())
            path.with_suffix(".digest").unlink(missing_ok=True)  # first: no digest ever tells of pixels that are not there
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self.items)

    def image(self, index: int) -> np.ndarray:
        """u8 [H, W], read only."""
        item = self.items[index]
        return self.pixels[item.offset:item.offset + item.width * item.height].reshape(item.height, item.width)
