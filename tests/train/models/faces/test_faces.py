"""Face nets: outputs as the pack's contract, sizes, and that they can learn."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from torch.nn import functional as F

from facesdk.errors import InputError
from train.models.faces import PRESETS, Detector, IdentityHead, Landmarks, Parser, Recogniser
from train.models.faces.detector import STRIDES
from train.models.faces.landmarks import LandmarksConfig, heat_spread
from train.models.faces.recogniser import RecogniserConfig
from train.models.layers import FastPReLU, parameter_count
from train.models.preset import config_from_dict


def test_detector_outputs_in_the_contracts_order() -> None:
    detector = Detector(PRESETS["detector"]["tiny"]).eval()
    out = detector(torch.randn(2, 3, 64, 96))
    assert out._fields[:4] == ("score_8", "score_16", "score_32", "box_8") and out._fields[-1] == "points_32"
    for level, stride in enumerate(STRIDES):
        cells = (64 // stride) * (96 // stride) * 2
        assert (
            out[level].shape == (2, cells, 1)
            and out[3 + level].shape == (2, cells, 4)
            and out[6 + level].shape == (2, cells, 10)
        )
        assert (out[level] > 0).all() and (out[level] < 1).all() and (out[3 + level] > 0).all()


def test_detector_cells_are_row_major_with_adjacent_anchors() -> None:
    detector = Detector(PRESETS["detector"]["tiny"])
    # channel = anchor * 4 + value
    x = torch.arange(8.0).view(1, 8, 1, 1) + 100 * torch.arange(6.0).view(1, 1, 2, 3)
    cells = detector._cells(x, 4)
    assert cells.shape == (1, 12, 4)
    assert cells[0, 2 * 4 + 1].tolist() == [404.0, 405.0, 406.0, 407.0]  # row 1, column 1, second anchor


def test_training_mode_gives_logits_of_the_same_scores() -> None:
    torch.manual_seed(0)
    detector = Detector(PRESETS["detector"]["tiny"]).eval()
    parser = Parser(PRESETS["parser"]["tiny"]).eval()
    image = torch.randn(1, 3, 64, 64)
    score, parts = detector(image).score_8, parser(image)
    for net in (detector, parser):
        net.training = True  # the flag of the net alone: its norms keep their running statistics
    assert torch.allclose(detector(image).score_8.sigmoid(), score)
    assert torch.allclose(parser(image).softmax(1), parts)
    assert torch.allclose(parts.sum(1), torch.ones(1, 64, 64), atol=1e-5)


def test_landmarks_start_in_the_middle_looking_ahead() -> None:
    net = Landmarks(PRESETS["landmarks"]["nano"]).eval()
    with torch.no_grad():
        net.heat.weight.zero_()
        net.heat.bias.zero_()
        out = net(torch.randn(2, 3, 128, 128))
    assert out.points.shape == (2, 68, 2) and torch.allclose(out.points, torch.full((2, 68, 2), 0.5), atol=1e-5)
    assert torch.allclose(out.pose, torch.zeros(2, 3), atol=1e-3) and torch.allclose(
        out.visible, torch.full((2, 68), 0.5)
    )


def test_landmark_runs_without_context_and_presence_still_load() -> None:
    # What preset.json of the first pack's run says.
    old = config_from_dict(LandmarksConfig, {"image_size": 64, "widths": [8, 8, 8, 16, 16], "neck": 8})
    net = Landmarks(old).eval()
    assert not any(name.startswith(("context", "lateral4")) for name in net.state_dict())
    assert net(torch.randn(1, 3, 64, 64)).presence is None and net.head.out_features == 68 * 3 + 6


def test_presence_is_one_probability_a_crop() -> None:
    net = Landmarks(PRESETS["landmarks"]["tiny"]).eval()
    net.head.bias.data[-1] = 2.0
    assert net(torch.randn(3, 3, 64, 64)).presence.tolist() == [[pytest.approx(torch.tensor(2.0).sigmoid().item())]] * 3


def test_heat_maps_of_some_crops_are_those_of_all() -> None:
    torch.manual_seed(0)
    net = Landmarks(PRESETS["landmarks"]["tiny"]).eval()
    crops = torch.randn(4, 3, 64, 64)
    heat, raw = net.look(crops)
    some, same = net.look(crops, 2)
    assert torch.equal(some, heat[:2]) and torch.equal(same, raw)
    placed = net.place(some.softmax(-1) @ net.grid, raw[:2])
    assert torch.allclose(placed.points, net(crops).points[:2], atol=1e-6) and len(net.presence_logit(raw)) == 4


def test_heat_spread_is_the_standard_deviation_on_each_axis() -> None:
    maps = torch.zeros(1, 2, 4, 4)
    maps[0, 0, 1, 0] = maps[0, 0, 1, 3] = 0.5  # one row, columns 0 and 3: three eighths either side of the middle
    maps[0, 1, 2, 2] = 1.0
    means = torch.tensor([[[0.5, 0.375], [0.625, 0.625]]])
    assert torch.allclose(heat_spread(maps.flatten(2), means), torch.tensor([[[0.375, 0.0], [0.0, 0.0]]]), atol=2e-4)


def test_landmarks_read_the_mean_of_the_heat_map_in_pixels_over_size() -> None:
    net = Landmarks(PRESETS["landmarks"]["nano"]).eval()
    # cell (row 3, column 10) of 32: x = 10.5 / 32
    assert torch.allclose(net.grid[3 * 32 + 10], torch.tensor([10.5 / 32, 3.5 / 32]))


def test_sizes_are_those_of_the_specification() -> None:
    with torch.device("meta"):
        paper = Recogniser(PRESETS["recogniser"]["paper"])
    # IResNet-50: 43.59 M, specification E
    assert parameter_count(paper) == pytest.approx(43.59e6, abs=5e3)
    limits = {"detector": 0.6e6, "landmarks": 1.0e6, "parser": 0.7e6, "recogniser": 2.5e6}
    for name, net in (("detector", Detector), ("landmarks", Landmarks), ("parser", Parser), ("recogniser", Recogniser)):
        assert 0.3e6 < parameter_count(net(PRESETS[name]["nano"])) < limits[name]


def test_paper_recogniser_has_the_sources_keys() -> None:
    with torch.device("meta"):
        keys = set(Recogniser(PRESETS["recogniser"]["paper"]).body.state_dict())
    for key in (
        "conv1.weight",
        "layer3.13.bn3.running_var",
        "layer1.0.downsample.1.weight",
        "layer4.2.prelu.weight",
        "fc.bias",
        "features.weight",
    ):
        assert key in keys
    assert "layer1.1.downsample.0.weight" not in keys and "layer3.14.bn1.weight" not in keys


@pytest.mark.parametrize("preset", ["nano", "judge", "tiny"])
def test_recogniser_embeds_and_memory_format_does_not_matter(preset: str) -> None:
    torch.manual_seed(0)
    config = PRESETS["recogniser"][preset]
    net = Recogniser(config).eval()
    crop = torch.randn(2, 3, config.image_size, config.image_size)
    with torch.no_grad():
        plain = net(crop)
        other = net.to(memory_format=torch.channels_last)(crop.to(memory_format=torch.channels_last))
    assert plain.shape == (2, config.embedding)
    assert torch.allclose(plain, other, atol=1e-4 * plain.abs().max().item())
    assert (plain[0] - plain[1]).norm() > 0.1 * plain[0].norm()


def test_fast_prelu_is_prelu_with_its_gradients_and_keys() -> None:
    torch.manual_seed(0)
    ours, theirs = FastPReLU(5), torch.nn.PReLU(5)
    with torch.no_grad():
        theirs.weight.uniform_(-0.5, 1.5)
    ours.load_state_dict(theirs.state_dict())
    x, upstream = torch.randn(3, 5, 4, 7), torch.randn(3, 5, 4, 7)
    outs, grads = [], []
    for net in (ours.train(), theirs):
        into = x.clone().requires_grad_()
        outs.append(net(into))
        outs[-1].backward(upstream)
        grads.append((into.grad, net.weight.grad))
    torch.testing.assert_close(outs[0], outs[1])
    torch.testing.assert_close(grads[0], grads[1])
    assert torch.equal(ours.eval()(x), theirs(x))


def test_fast_prelu_of_a_frozen_net_in_training_is_prelu() -> None:
    torch.manual_seed(0)
    ours, theirs = FastPReLU(5).eval().requires_grad_(False), torch.nn.PReLU(5).requires_grad_(False)
    ours.load_state_dict({"weight": torch.rand(5)})
    theirs.load_state_dict(ours.state_dict())
    for dtype in (torch.float32, torch.bfloat16):
        into = [torch.randn(3, 5, 4, 7, generator=torch.Generator().manual_seed(1)).to(dtype) for _ in range(2)]
        outs = [net.to(dtype)(x.requires_grad_()) for net, x in zip((ours, theirs), into)]
        assert torch.equal(*outs)
        assert torch.equal(*(torch.autograd.grad(out.sum(), x)[0] for out, x in zip(outs, into)))
    program = torch.export.export(ours.float(), (torch.randn(1, 5, 4, 4, requires_grad=True),))
    assert any("prelu" in str(node.target) for node in program.graph.nodes)


def test_judge_is_of_another_architecture() -> None:
    judge, nano = Recogniser(PRESETS["recogniser"]["judge"]), Recogniser(PRESETS["recogniser"]["nano"])
    assert type(judge.body) is not type(nano.body)
    assert not any("downsample" in key for key in judge.state_dict())


def test_identity_head_is_linear_by_default() -> None:
    head = IdentityHead(8, 3)
    x, y = torch.randn(1, 8), torch.randn(1, 8)
    assert torch.allclose(head(x) + head(y) - head(torch.zeros(1, 8)), head(x + y), atol=1e-5)
    assert IdentityHead(8, 3, hidden=4)(x).shape == (1, 3)


def test_configs_survive_json_and_refuse_unknown_fields() -> None:
    for presets in PRESETS.values():
        for config in presets.values():
            values = json.loads(json.dumps(dataclasses.asdict(config)))
            assert config_from_dict(type(config), values) == config
    with pytest.raises(InputError, match="unknown fields"):
        config_from_dict(RecogniserConfig, {"colour": 1})


def test_parser_learns_a_split_picture() -> None:
    torch.manual_seed(0)
    net = Parser(PRESETS["parser"]["tiny"]).train()
    image = torch.randn(4, 3, 64, 64) * 0.1
    image[..., 32:] += 1
    truth = torch.zeros(4, 64, 64, dtype=torch.int64)
    truth[..., 32:] = 3
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(25):
        loss = F.cross_entropy(net(image), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (net(image).argmax(1) == truth).float().mean() > 0.97
