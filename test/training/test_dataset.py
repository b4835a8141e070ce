"""Data in the form of cil54816/, drawn by us; every wrong file is named."""
import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from configuration import TYPES, Configuration
from dataset import DataError, MetaphaseSet, read_annotations
from golden import draw_picture


def picture(seed):
    stream = io.BytesIO()
    Image.fromarray(draw_picture(120, 90, strips=((40, 30, 40, 10, 20, 2), (80, 60, 34, 10, 100, 0)), seed=seed)).save(stream, "PNG")
    return stream.getvalue()


def coco(**changes):
    value = {
        "images": [{"id": 7, "file_name": "a.png", "width": 120, "height": 90}, {"id": 9, "file_name": "b.png", "width": 120, "height": 90}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [15, 15, 50, 35]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [70, 40, 24, 44]},
        ],
        "categories": [{"id": 1, "name": "A1"}, {"id": 3, "name": "Y"}],
    }
    value.update(changes)
    return value


@pytest.fixture()
def folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.json").write_text(json.dumps(coco()))
    with tarfile.open(data / "train-00.tar", "w") as tar:
        for name in ("a.png", "b.png"):
            content = picture(ord(name[0]))
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data


def write(folder, **changes):
    (folder / "train.json").write_text(json.dumps(coco(**changes)))


def test_tar_and_plain_images_read_alike(folder, tmp_path):
    from_tar = MetaphaseSet(folder, "train", tmp_path / "one")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "train.json").write_text(json.dumps(coco()))
    for name in ("a.png", "b.png"):
        (plain / name).write_bytes(picture(ord(name[0])))
    from_files = MetaphaseSet(plain, "train", tmp_path / "two")
    for index in range(2):
        np.testing.assert_array_equal(from_tar.image(index), from_files.image(index))
    assert from_tar.items[0].boxes.tolist() == [[15, 15, 65, 50], [70, 40, 94, 84]]
    assert [TYPES[t] for t in from_tar.items[0].types] == ["Y", "A1"]


def test_an_image_without_boxes_is_kept(folder, tmp_path):
    item = MetaphaseSet(folder, "train", tmp_path / "cache").items[1]
    assert item.boxes.shape == (0, 4) and item.size == 0


def inode(cache):
    return (cache / "train.u8").stat().st_ino


def shown(folder, cache):
    """File name -> pixels, as the set pairs them."""
    metaphases = MetaphaseSet(folder, "train", cache)
    return {item.file_name: metaphases.image(index).tobytes() for index, item in enumerate(metaphases.items)}


def test_images_are_decoded_once(folder, tmp_path):
    cache = tmp_path / "cache"
    first, made = shown(folder, cache), inode(cache)
    assert shown(folder, cache) == first and inode(cache) == made
    write(folder, annotations=[])  # boxes are not in the cache
    assert shown(folder, cache) == first and inode(cache) == made
    assert sorted(path.name for path in cache.iterdir()) == ["train.digest", "train.u8"]


def test_images_of_equal_size_that_change_places_keep_their_pixels(folder, tmp_path):
    first = shown(folder, tmp_path / "cache")
    assert first["a.png"] != first["b.png"]
    write(folder, images=coco()["images"][::-1])
    assert shown(folder, tmp_path / "cache") == first


def test_another_folder_of_as_many_pixels_has_its_own(folder, tmp_path):
    first = shown(folder, tmp_path / "cache")
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.json").write_text(json.dumps(coco()))
    (other / "a.png").write_bytes(picture(1))
    (other / "b.png").write_bytes(picture(2))
    expected = {name: MetaphaseSet(other, "train", tmp_path / "apart").image(index).tobytes() for index, name in enumerate(first)}
    assert shown(other, tmp_path / "cache") == expected
    assert shown(folder, tmp_path / "cache") == first


def test_an_image_that_was_exchanged_is_decoded_anew(tmp_path):
    (tmp_path / "train.json").write_text(json.dumps(coco()))
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture(ord(name[0])))
    first = shown(tmp_path, tmp_path / "cache")
    (tmp_path / "b.png").write_bytes(picture(ord("a")))
    os.utime(tmp_path / "b.png", ns=(1, 1))
    assert shown(tmp_path, tmp_path / "cache") == {"a.png": first["a.png"], "b.png": first["a.png"]}


def test_a_cache_of_unknown_images_is_made_anew(folder, tmp_path):
    cache = tmp_path / "cache"
    first = shown(folder, cache)
    (cache / "train.digest").unlink()
    (cache / "train.u8").write_bytes(bytes((cache / "train.u8").stat().st_size))
    assert shown(folder, cache) == first


def test_data_that_fail_leave_the_cache_of_others_as_it_was(folder, tmp_path):
    first, made = shown(folder, tmp_path / "cache"), inode(tmp_path / "cache")
    other = tmp_path / "other"
    other.mkdir()
    (other / "train.json").write_text(json.dumps(coco()))
    (other / "a.png").write_bytes(picture(1))
    with pytest.raises(DataError, match="b.png"):
        MetaphaseSet(other, "train", tmp_path / "cache")
    assert shown(folder, tmp_path / "cache") == first and inode(tmp_path / "cache") == made
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["train.digest", "train.u8"]


def test_missing_json(tmp_path):
    with pytest.raises(DataError, match="train.json.*found none"):
        read_annotations(tmp_path / "train.json")


def test_broken_json(folder):
    (folder / "train.json").write_text("{")
    with pytest.raises(DataError, match="train.json.*COCO"):
        read_annotations(folder / "train.json")


def test_missing_key(folder):
    (folder / "train.json").write_text(json.dumps({"images": []}))
    with pytest.raises(DataError, match="'annotations'"):
        read_annotations(folder / "train.json")


def test_unknown_type(folder):
    write(folder, categories=[{"id": 1, "name": "Z9"}])
    with pytest.raises(DataError, match="unknown type 'Z9'"):
        read_annotations(folder / "train.json")


def test_annotation_of_an_unknown_type(folder):
    write(folder, annotations=[{"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 1, 5, 9]}])
    with pytest.raises(DataError, match="annotation 5 has unknown type 2"):
        read_annotations(folder / "train.json")


def test_annotation_of_no_image(folder):
    write(folder, annotations=[{"id": 5, "image_id": 8, "category_id": 1, "bbox": [1, 1, 5, 9]}])
    with pytest.raises(DataError, match="annotation 5 names image 8"):
        read_annotations(folder / "train.json")


@pytest.mark.parametrize("bbox", [[100, 10, 30, 20], [-4, 10, 30, 20], [10, 10, 0, 20], [10, 80, 20, 20], [10, 10, float("nan"), 5]])
def test_box_outside_its_image(folder, bbox):
    write(folder, annotations=[{"id": 5, "image_id": 7, "category_id": 1, "bbox": bbox}])
    with pytest.raises(DataError, match="annotation 5: box .* 120x90 image"):
        read_annotations(folder / "train.json")


def test_broken_shard(folder, tmp_path):
    (folder / "train-01.tar").write_bytes(b"not a tar" * 200)
    with pytest.raises(DataError, match="train-01.tar"):
        MetaphaseSet(folder, "train", tmp_path / "cache")


def test_missing_image(folder, tmp_path):
    (folder / "train-00.tar").unlink()
    with pytest.raises(DataError, match="a.png"):
        MetaphaseSet(folder, "train", tmp_path / "cache")


def test_broken_image(folder, tmp_path):
    (folder / "train-00.tar").unlink()
    (folder / "a.png").write_bytes(picture(1)[:200])
    (folder / "b.png").write_bytes(picture(2))
    with pytest.raises(DataError, match="a.png"):
        MetaphaseSet(folder, "train", tmp_path / "cache")


def test_image_of_another_size(folder, tmp_path):
    write(folder, images=[{"id": 7, "file_name": "a.png", "width": 121, "height": 90}])
    with pytest.raises(DataError, match="a.png: expected 121x90.*got 120x90"):
        MetaphaseSet(folder, "train", tmp_path / "cache")


def test_unknown_setting():
    with pytest.raises(ValueError, match="unknown colour"):
        Configuration.from_dict({"colour": 1})
    with pytest.raises(ValueError, match="hnas: expected one of off, v1, v2, got 'v3'"):
        Configuration(hnas="v3")
