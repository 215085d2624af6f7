"""Which module a layer of an engine comes from."""

import pytest

from latency import module_of_node, modules_of_layer


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("/backbone_s1_b0/branch/branch.0/Conv", "backbone_s1_b0"),
        ("/nodes.neck/Add", "neck"),
        ("/Identity", None),
        ("Identity_12", None),
        ("", None),
    ],
)
def test_module_of_node(name: str, module: str | None) -> None:
    assert module_of_node(name) == module


@pytest.mark.parametrize(
    ("layer", "modules"),
    [
        ("/neck/conv/Conv + /neck/act/Relu", {"neck"}),
        ("PWN(PWN(/neck/act/Sigmoid), /neck/act/Mul)", {"neck"}),
        ("Reformatting CopyNode for Input Tensor 0 to /head/a/b/Conv", {"head"}),
        ("{ForeignNode[/nodes.rpn/x/Conv.../nodes.rpn/TopK_1]}", {"rpn"}),
        ("{ForeignNode[/neck/Conv.../head/Add]}", {"neck", "head"}),
        ("/neck/Conv || /head/Conv", {"neck", "head"}),
        ("Conv_0 + PWN(Clip_3)", set()),
        ("/Identity", set()),
        ("not/absolute/Conv", set()),
        ("", set()),
    ],
)
def test_modules_of_layer(layer, modules):
    assert modules_of_layer(layer) == modules
