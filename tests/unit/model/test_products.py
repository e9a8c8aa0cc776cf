import pytest
import torch

from capacity.model import products
from capacity.model.products import multiply

LARGE = (1, 300, 250, 240)  # one pair, rows, inner, columns
ONEDNN = torch.backends.mkldnn.is_available()


def matrices(shape, dtype=torch.float32):
    seeds, rows, inner, columns = shape
    generator = torch.Generator().manual_seed(1)
    left = torch.randn(seeds, rows, inner, generator=generator, dtype=torch.float64)
    right = torch.randn(seeds, inner, columns, generator=generator, dtype=torch.float64)
    return left.to(dtype).requires_grad_(), right.to(dtype).requires_grad_()


@pytest.fixture
def by_onednn(monkeypatch):
    """The shapes that oneDNN multiplied."""
    shapes = []
    product = products._by_onednn

    def counted(left, right):
        shapes.append((*left.shape, right.shape[1]))
        return product(left, right)

    monkeypatch.setattr(products, "_by_onednn", counted)
    return shapes


@pytest.mark.skipif(not ONEDNN, reason="this torch has no oneDNN")
@pytest.mark.parametrize("transposed", [False, True])
def test_large_products_and_their_gradients_are_those_of_double_precision(by_onednn, transposed):
    left, right = matrices(LARGE)
    exact_left, exact_right = matrices(LARGE, dtype=torch.float64)
    weights = torch.randn(300, 240, generator=torch.Generator().manual_seed(2))
    read = left.transpose(1, 2).contiguous().transpose(1, 2) if transposed else left
    product, exact = multiply(read, right), torch.bmm(exact_left, exact_right)
    (product * weights).sum().backward()
    (exact * weights).sum().backward()
    assert by_onednn == [(300, 250, 240), (300, 240, 250), (250, 300, 240)]
    for one, other in ((product, exact), (left.grad, exact_left.grad), (right.grad, exact_right.grad)):
        assert float((one - other).detach().norm() / other.detach().norm()) < 1e-6


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 30, 25, 24), torch.float32), ((2, 300, 250, 240), torch.float32), (LARGE, torch.float64)],
    ids=["small", "two pairs", "double precision"],
)
def test_other_products_are_those_of_torch(by_onednn, shape, dtype):
    left, right = matrices(shape, dtype=dtype)
    assert torch.equal(multiply(left, right), torch.bmm(left, right))
    assert by_onednn == []


@pytest.mark.skipif(not ONEDNN, reason="this torch has no oneDNN")
def test_products_in_bfloat16_stay_with_autocast(by_onednn):
    left, right = matrices(LARGE)
    with torch.autocast("cpu", torch.bfloat16):
        assert multiply(left, right).dtype == torch.bfloat16
    assert by_onednn == []


@pytest.mark.skipif(not ONEDNN, reason="this torch has no oneDNN")
def test_a_product_has_the_same_bytes_every_time():
    left, right = matrices(LARGE)
    assert torch.equal(multiply(left, right), multiply(left.clone(), right.clone()))
