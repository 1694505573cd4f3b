"""The convolutional network: what a block computes, by hand, and what each switch takes away."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from aigc_course.models.cnn import CNN, Block, CNNConfig


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 2]), st.integers(1, 9))
def test_a_block_is_two_convolutions_and_its_input(inputs, outputs, stride, size):
    torch.manual_seed(0)
    block = Block(inputs, outputs, stride).eval()
    x = torch.randn(2, inputs, size, size)
    y = F.relu(F.conv2d(x, block.conv1.weight, stride=stride, padding=1))
    y = F.conv2d(y, block.conv2.weight, padding=1)
    if inputs == outputs and stride == 1:
        assert isinstance(block.detour, nn.Identity)
        detour = x
    else:
        detour = F.conv2d(x, block.detour[0].weight, stride=stride)
    # fresh running statistics: mean 0, variance 1
    scale = 1 / (1 + block.norm1.eps) ** 0.5
    wanted = F.relu(y * scale**2 + (detour if detour is x else detour * scale))
    assert torch.allclose(block(x), wanted, atol=1e-5)


def test_a_block_whose_convolutions_are_zero_hands_its_input_on():
    block = Block(3, 3).eval()
    nn.init.zeros_(block.conv2.weight)
    x = torch.rand(1, 3, 5, 5)
    assert torch.equal(block(x), x)
    bare = Block(3, 3, residual=False).eval()
    nn.init.zeros_(bare.conv2.weight)
    assert not bare(x).any()


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("norm", [True, False])
def test_switches_change_what_they_name_and_nothing_else(residual, norm):
    model = CNN(CNNConfig(channels=(4, 8), blocks=1, residual=residual, norm=norm))
    kinds = [type(module) for module in model.modules()]
    assert (nn.BatchNorm2d in kinds) == norm
    assert kinds.count(nn.Conv2d) == 5 + residual  # the one detour that changes the shape
    assert all((conv.bias is None) == norm for conv in model.modules() if type(conv) is nn.Conv2d)
    assert model(torch.zeros(3, 1, 7, 9)).shape == (3, 10)


def test_the_mean_of_the_last_channels_is_what_the_head_reads():
    model = CNN(CNNConfig(channels=(4, 8), blocks=1)).eval()
    x = torch.rand(2, 1, 8, 8)
    maps = model.stages(model.stem(x))
    assert maps.shape == (2, 8, 4, 4)
    assert torch.allclose(model(x), F.linear(maps.mean((2, 3)), model.head.weight, model.head.bias))


def test_it_can_learn_eight_pictures_by_heart():
    torch.manual_seed(0)
    x, y = torch.rand(8, 1, 8, 8), torch.arange(8)
    model = CNN(CNNConfig(channels=(8, 16), blocks=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert (model.eval()(x).argmax(1) == y).all()


@pytest.mark.parametrize(
    "wrong", [{"channels": ()}, {"channels": (4, 0)}, {"blocks": 0}, {"classes": 0}, {"dropout": 1}]
)
def test_a_configuration_that_makes_no_network_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CNNConfig(**wrong)


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 3, 28, 28), (28, 28)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"wanted \(B, 1, H, W\)"):
        CNN(CNNConfig(channels=(4,), blocks=1))(torch.zeros(shape))
