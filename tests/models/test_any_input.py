"""Any input that is allowed works, and what is not gets a clear message: properties of the backbones."""

import hypothesis.strategies as st
import pytest
import torch
from inputs import EXAMPLES, common, crossformers, for_all
from tiny import TINY_CAT

from mmcrossformer import CAT, CrossFormer

WIDTHS = (8, 16, 32, 64)
# Precision of a comparison between two ways to compute the same, for maps of order 1.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}


@st.composite
def models(draw):
    """CrossFormers, and now and then a CAT."""
    return CAT(TINY_CAT, **common(draw)) if draw(st.integers(0, 3)) == 0 else draw(crossformers())


SIZES = st.tuples(st.integers(0, 3), st.integers(1, 200), st.integers(1, 200))


def images_of(model, size):
    batch, height, width = size
    return torch.randn(batch, model.in_channels, height, width)


@EXAMPLES
def test_forward_and_backward_are_finite(examples):
    @for_all(examples, models(), SIZES, st.sampled_from([torch.float32, torch.bfloat16, torch.float16]), st.booleans())
    def check(model, size, dtype, autocast):
        images = images_of(model, size).requires_grad_()
        if dtype != torch.float32 and not autocast:
            model.to(dtype)
        with torch.autocast('cpu', dtype, enabled=autocast and dtype != torch.float32):
            outputs = model(images if autocast else images.to(dtype))
        for i, out in zip(model.out_indices, outputs, strict=True):
            stride = 4 * 2**i
            assert out.shape == (size[0], 16 * 2**i, -(-size[1] // stride), -(-size[2] // stride))
            assert out.isfinite().all()
        sum(out.float().square().mean() if out.numel() else out.sum() for out in outputs).backward()
        assert images.grad.isfinite().all()
        # No parameter is unused, whatever the outputs: several processes need no search for such.
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@EXAMPLES
def test_images_do_not_know_each_other(examples):
    @for_all(examples, models(), SIZES, SIZES, st.sampled_from([torch.float32, torch.bfloat16]))
    def check(model, size, other, dtype):
        model.eval().to(dtype)
        images = images_of(model, (max(size[0], 1), *size[1:])).to(dtype)
        with torch.no_grad():
            together = model(images)
            model(images_of(model, other).to(dtype))  # earlier calls leave nothing
            for i in range(len(images)):
                for a, b in zip(model(images[i : i + 1]), together, strict=True):
                    torch.testing.assert_close(a[0], b[i], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@EXAMPLES
def test_layout_and_gradients_change_nothing(examples):
    """The same numbers from images in any memory layout, with gradients and without, in training and evaluation."""

    @for_all(examples, models(), SIZES)
    def check(model, size):
        images = images_of(model, size)
        wanted = model(images)
        wide = images.new_empty(*size[:1], 2 * model.in_channels, size[1], size[2] + 3)
        strided = wide[:, ::2, :, 2:-1].copy_(images)
        for same in (images.to(memory_format=torch.channels_last), strided):
            with torch.no_grad():
                results = model(same), model.eval()(same), model.train()(same)
            for result in results:
                for a, b in zip(result, wanted, strict=True):
                    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('gradients', [True, False], ids=['gradients', 'none'])
def test_what_is_no_number_stays_in_its_image(tiny_arch, gradients):
    model = CrossFormer(tiny_arch).eval()
    images = torch.randn(2, 3, 70, 90)
    images[1, 0, 3, 5] = torch.nan
    with torch.set_grad_enabled(gradients):
        outputs, alone = model(images), model(images[:1])
    for out, clean in zip(outputs, alone, strict=True):
        torch.testing.assert_close(out[:1], clean)
        assert out[1].isnan().any()


@pytest.mark.parametrize(
    'dtype', [torch.uint8, torch.int64, torch.bool, torch.complex64, torch.float64, torch.bfloat16]
)
def test_other_dtypes_are_refused(tiny_arch, dtype):
    model = CrossFormer(tiny_arch)
    with pytest.raises(TypeError, match=rf'has weights of torch.float32 and takes images of the same.* got {dtype}'):
        model(torch.zeros(1, 3, 32, 32, dtype=dtype))


def test_integers_are_refused_under_autocast_too(tiny_arch):
    with torch.autocast('cpu', torch.bfloat16), pytest.raises(TypeError, match=r'got torch\.uint8'):
        CrossFormer(tiny_arch)(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
