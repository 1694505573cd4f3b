"""Bits per byte: units, and no dependence on how a text is cut."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.metrics import bits_per_byte


@given(st.lists(st.text("ab春𠮷", min_size=1), min_size=1))
def test_uniform_bytes_cost_eight_bits(texts):
    nats = sum(len(text.encode()) for text in texts) * math.log(256)
    assert bits_per_byte(nats, texts) == pytest.approx(8)


def test_it_is_the_perplexity_of_a_token_in_other_units():
    nats = np.random.default_rng(0).uniform(0, 9, size=7)
    perplexity = math.exp(nats.mean())
    assert bits_per_byte(nats.sum(), ["春风x"]) == pytest.approx(math.log2(perplexity) * 7 / 7)


@pytest.mark.parametrize("texts", [[], [""]])
def test_no_bytes(texts):
    with pytest.raises(ValueError, match="no byte"):
        bits_per_byte(1.0, texts)


@pytest.mark.parametrize("nats", [-1.0, math.nan])
def test_no_such_sum(nats):
    with pytest.raises(ValueError, match="nats: got"):
        bits_per_byte(nats, ["a"])
