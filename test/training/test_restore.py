"""A shipped model goes on training: its weights come back, with norms that change nothing until they are trained."""
import copy

import numpy as np
import pytest
import torch

from export import export_model
from golden import draw_picture
from network import DeepACE
from relation import Relation
from restore import RestoreError, calibrate_norms, layer_weights, module_path, natural_scale, relation_weights, take_weights


@pytest.mark.parametrize(
    "node, module",
    [
        ("/backbone/stages.0/stages.0.1/first/first.0/Conv", "backbone.stages.0.1.first.0"),
        ("/down.0/down.0.0/down.0.0.0/Conv", "down.0.0.0"),
        ("/close_up/stem/stem.0/Conv", "close_up.stem.0"),
        ("/fc1/Gemm", "fc1"),
    ],
)
def test_a_node_tells_its_module(node, module):
    assert module_path(node) == module


@pytest.fixture(scope="module")
def restored(tiny_network, tiny_scout, tiny_close_up, tiny_relation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("restore") / "tiny"
    export_model(tiny_network, tiny_scout, tiny_close_up, tiny_relation, folder, model_id="tiny", version="0.0.1", training={})
    network = DeepACE(tiny_network.config).eval()
    for graph in ("dense", "heads"):
        take_weights(network, layer_weights(folder / f"{graph}.onnx"), "network.")
    pictures = [torch.from_numpy(draw_picture(width, 128)[None, None]) for width in (160, 192)]
    calibrate_norms(network, [lambda n, x=x: n.dense(x) for x in pictures])
    return folder, network, pictures


def outputs(network, picture):
    rois = torch.tensor([[20.0, 30.0, 70.0, 60.0], [50.0, 20.0, 90.0, 110.0]])
    with torch.no_grad():
        dense = network.dense(picture)
        return [*dense, *network.heads(dense[0], rois)]


def test_it_computes_what_was_exported(restored, tiny_network):
    _, network, pictures = restored
    for got, wanted in zip(outputs(network.eval(), pictures[0]), outputs(tiny_network, pictures[0])):
        scale = max(1.0, float(wanted.abs().max()))
        assert float((got - wanted).abs().max()) < 0.02 * scale  # weights went through fp16


def test_its_norms_know_what_they_are_fed(restored):
    """In training mode, on the pictures that calibrated them, they normalise by nearly what they know: nothing jumps."""
    network, picture = restored[1], restored[2][0]
    norm = network.backbone.stages[0][0].first[1]
    seen = []
    hook = norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    outputs(network.eval(), picture)
    hook.remove()
    mean = seen[0].mean(dim=(0, 2, 3))
    assert float((mean - norm.running_mean).abs().max()) < 0.5 * float(norm.running_var.sqrt().max())
    np.testing.assert_allclose(norm.weight.detach(), (norm.running_var + norm.eps).sqrt(), rtol=1e-5)


def test_small_convolutions_get_back_their_size_and_the_outputs_stay(restored):
    """A folded norm of a small gain leaves a small weight, which an optimizer whose step knows no scale would overwrite."""
    network, picture = copy.deepcopy(restored[1]).eval(), restored[2][0]
    convolution, norm = network.backbone.stages[2][1].second
    with torch.no_grad():
        convolution.weight.mul_(0.01)
        norm.weight.mul_((norm.running_var * 1e-4 + norm.eps).sqrt() / (norm.running_var + norm.eps).sqrt() / 0.01)
        norm.running_mean.mul_(0.01)
        norm.running_var.mul_(1e-4)
    before = outputs(network, picture)
    natural_scale(network)
    for layer in network.backbone.modules():
        if isinstance(layer, torch.nn.Conv2d):
            expected = (2 / (layer.out_channels * layer.kernel_size[0] ** 2)) ** 0.5
            assert float(layer.weight.detach().square().mean().sqrt()) >= 0.999 * expected
    for got, wanted in zip(outputs(network, picture), before):
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)


def test_another_networks_graph_is_refused(restored, tiny_scout):
    with pytest.raises(RestoreError, match="expected a layer of Scout of this shape"):
        take_weights(tiny_scout, layer_weights(restored[0] / "heads.onnx"))


def test_the_relation_networks_weights_come_back(restored, tiny_relation):
    network = Relation(hidden=32)
    network.load_state_dict(relation_weights(restored[0] / "relation.onnx"))
    for name, value in tiny_relation.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, rtol=1e-3, atol=1e-4, msg=name)
