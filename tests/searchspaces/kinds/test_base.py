import pytest
import torch

from searchspaces import KINDS, Cost, ModuleSpec, ModuleSpecError, TensorSpec, cost_of, outputs_of
from searchspaces.kinds.base import out_size


def test_costs_add_and_shared_parameters_are_not_counted_twice():
    assert Cost(1, 2, 3) + Cost(10, 20, 30) == Cost(11, 22, 33)
    assert Cost(1, 2, 3).times(4) == Cost(4, 8, 3)


@pytest.mark.parametrize("size", [7, 8, 50, 333])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 2, 1), (5, 1, 2), (7, 3, 0)])
def test_out_size_is_that_of_a_convolution(size, kernel, stride, padding):
    with torch.device("meta"):
        out = torch.nn.Conv1d(1, 1, kernel, stride, padding)(torch.empty(1, 1, size))
    assert out_size(size, kernel, stride, padding) == out.shape[2]


def test_unknown_kinds_list_the_known():
    spec = ModuleSpec.of("warp", [TensorSpec((1,))])
    known = ", ".join(sorted(KINDS))
    for count in (outputs_of, cost_of):
        with pytest.raises(ModuleSpecError, match=f"'warp'; known kinds: {known}$"):
            count(spec)


def test_every_kind_refuses_a_module_without_parameters_by_its_name():
    for kind in KINDS:
        spec = ModuleSpec.of(kind, [TensorSpec((1, 3, 8, 8))])
        with pytest.raises(ModuleSpecError, match=kind):
            outputs_of(spec)
