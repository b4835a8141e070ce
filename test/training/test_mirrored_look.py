import numpy as np

from mirrored_look import mean_of_looks, mirror_boxes, mirror_image


def test_mirroring_twice_gives_the_same_boxes_and_picture():
    random = np.random.RandomState(1)
    image = random.randint(0, 256, (1, 1, 32, 64)).astype(np.uint8)
    boxes = np.array([[3, 4, 20, 9], [0, 0, 64, 32]], np.float32)
    np.testing.assert_array_equal(mirror_image(mirror_image(image)), image)
    np.testing.assert_array_equal(mirror_boxes(mirror_boxes(boxes, 64), 64), boxes)
    # what lies in a box lies in its mirrored box
    x0, y0, x1, y1 = mirror_boxes(boxes, 64)[0].astype(int)
    np.testing.assert_array_equal(mirror_image(image)[0, 0, y0:y1, x0:x1][:, ::-1], image[0, 0, 4:9, 3:20])


def test_mean_by_hand():
    heads = (np.array([0.9], np.float32), np.array([[1, 2, 3, 4]], np.float32), np.array([0.2], np.float32), np.array([[0.25, 0.75]], np.float32))
    mirrored = (np.array([0.5], np.float32), np.array([[-3, 4, 5, 6]], np.float32), np.array([0.6], np.float32), np.array([[0.75, 0.25]], np.float32))
    scores, deltas, embeddings, types = mean_of_looks(heads, mirrored)
    # odds of 9 and 1: their geometric mean is 3
    np.testing.assert_allclose(scores, [0.75], atol=1e-6)
    np.testing.assert_allclose(deltas, [[2, 3, 4, 5]])
    np.testing.assert_allclose(embeddings, [0.4])
    np.testing.assert_allclose(types, [[0.5, 0.5]])
    assert scores.dtype == np.float32


def test_certainty_stays_finite():
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    rest = (np.zeros((1, 4), np.float32), zero, np.zeros((1, 2), np.float32))
    assert mean_of_looks((one, *rest), (one, *rest))[0] > 0.999
    assert mean_of_looks((zero, *rest), (zero, *rest))[0] < 0.001
