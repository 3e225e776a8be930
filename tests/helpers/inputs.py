"""Backbones of any kind, drawn by hypothesis, and properties that are checked on them."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from mmcrossformer import CrossFormer
from mmcrossformer.models.attention import LDA_SCOPES

EXAMPLES = pytest.mark.parametrize(
    'examples', [10, pytest.param(40, marks=pytest.mark.repetition)], ids=['few', 'many']
)


def for_all(examples, *strategies):
    """Runs the check that it decorates, at once, on that many examples of the strategies."""
    options = dict(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    return lambda check: settings(max_examples=examples, **options)(given(*strategies)(check))()


def common(draw):
    """Arguments of all backbones."""
    torch.manual_seed(draw(st.integers(0, 9)))
    return dict(
        in_channels=draw(st.integers(1, 5)),
        out_indices=sorted(draw(st.sets(st.integers(0, 3), min_size=1))),
        with_cp=draw(st.booleans()),
    )


@st.composite
def crossformers(draw):
    """CrossFormers of any group size, interval and scope, with any channels and outputs."""
    group = st.integers(1, 9)
    cooling = draw(st.booleans())
    return CrossFormer(
        dict(embed_dims=16, depths=(1, 2, 3 + cooling, 1), num_heads=(1, 2, 4, 8), cooling=cooling),
        group_size=draw(st.tuples(group, group, group, group)),
        interval=draw(st.tuples(group, group, group, group)),
        adaptive_interval=draw(st.booleans()),
        lda_scope=draw(st.sampled_from(LDA_SCOPES)),
        out_norm=draw(st.booleans()),
        **common(draw),
    )
