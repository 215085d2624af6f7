import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from searchspaces import ModuleSpec, ModuleSpecError, SearchSpaceError, TensorSpec

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(max_size=12).filter(lambda t: t.isprintable() and not set(t) & set("',()@="))
VALUES = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS)
BATCHES = st.integers(1, 9)


def tensors(batch):
    sides = st.lists(st.integers(1, 2000), max_size=3)
    first = st.integers(1, 5).map(lambda n: n * batch)
    shapes = st.tuples(first, sides).map(lambda pair: (pair[0], *pair[1]))
    return st.builds(TensorSpec, shapes, st.sampled_from(["float32", "int64", "bool"]))


@st.composite
def specs(draw):
    batch = draw(BATCHES)
    return ModuleSpec.of(
        draw(NAMES),
        draw(st.lists(tensors(batch), min_size=1, max_size=4)),
        dtype=draw(st.sampled_from(["fp32", "fp16", "int8"])),
        batch=batch,
        **{f"p_{k}": v for k, v in draw(st.dictionaries(NAMES, VALUES, max_size=6)).items()},
    )


def spec_of(**params):
    return ModuleSpec.of("kind", [TensorSpec((1, 2, 3, 4))], **params)


@given(specs())
def test_key_round_trip_keeps_values_and_types(spec):
    read = ModuleSpec.parse(spec.key)
    assert read == spec
    assert hash(read) == hash(spec)
    assert read.key == str(spec) == spec.key
    fields = (read.kind, read.params, read.inputs, read.dtype, read.batch)
    assert repr(fields) == repr((spec.kind, spec.params, spec.inputs, spec.dtype, spec.batch))


@given(st.text(max_size=60))
def test_parse_either_refuses_or_gives_the_text_back(text):
    try:
        spec = ModuleSpec.parse(text)
    except ModuleSpecError:
        return
    assert spec.key == text


@given(specs(), st.data())
def test_parse_of_a_damaged_key_never_gives_the_same_module(spec, data):
    position = data.draw(st.integers(0, len(spec.key) - 1))
    damaged = spec.key[:position] + data.draw(st.characters()) + spec.key[position + 1 :]
    try:
        read = ModuleSpec.parse(damaged)
    except ModuleSpecError:
        return
    assert (read == spec) == (damaged == spec.key)


def test_key_reads_as_documented():
    spec = ModuleSpec.of(
        "conv",
        [TensorSpec((2, 3, 8, 9)), TensorSpec((2,), "int64")],
        dtype="fp16",
        batch=2,
        slope=-1e-05,
        shift=-3,
        mode="a:b c",
    )
    assert spec.key == "conv(mode='a:b c',shift=-3,slope=-1e-05)@2x3x8x9+2:int64/fp16/b2"


def test_int_and_float_parameters_are_different_modules():
    assert spec_of(a=1) != spec_of(a=1.0)
    assert len({spec_of(a=1), spec_of(a=1.0), spec_of(a="1")}) == 3


def test_equality_with_other_types_and_copies():
    spec = spec_of(a=1)
    assert spec != spec.key
    assert copy.deepcopy(spec) == spec == pickle.loads(pickle.dumps(spec))


def test_order_of_keyword_parameters_does_not_matter():
    assert spec_of(a=1, b=2) == spec_of(b=2, a=1)


def test_cannot_be_changed():
    with pytest.raises(AttributeError):
        spec_of().batch = 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind",
        "kind()",
        "kind()@/fp32/b1",
        "kind@1x2/fp32/b1",
        "kind()@1x2/fp32",
        "kind()@1x2/fp32/1",
        "kind()@1x2/fp32/bx",
        "kind()@1x2/fp32/b0",
        "kind()@1x2/fp64/b1",
        "kind()@1x2/fp32/b1/more",
        "kind()@1x0/fp32/b1",
        "kind()@1x-2/fp32/b1",
        "kind()@axb/fp32/b1",
        "kind()@1x2:/fp32/b1",
        "kind()@1x2:float32/fp32/b1",
        "kind()@01x2/fp32/b1",
        "kind()@1x2/fp32/b01",
        "kind(a)@1x2/fp32/b1",
        "kind(a=)@1x2/fp32/b1",
        "kind(a=b)@1x2/fp32/b1",
        "kind(a=')@1x2/fp32/b1",
        "kind(a=nan)@1x2/fp32/b1",
        "kind(a=1e999)@1x2/fp32/b1",
        "kind(a=1_0)@1x2/fp32/b1",
        "kind(a=+1)@1x2/fp32/b1",
        "kind(b=1,a=1)@1x2/fp32/b1",
        "kind(a=1,a=2)@1x2/fp32/b1",
        "kind(a=1,)@1x2/fp32/b1",
        "kind( a=1)@1x2/fp32/b1",
        "(a=1)@1x2/fp32/b1",
        "kind()@1x2/fp32/b1 ",
    ],
)
def test_parse_refuses_what_is_no_key(text):
    with pytest.raises(ModuleSpecError):
        ModuleSpec.parse(text)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (True, "bool"),
        (None, "NoneType"),
        (np.int64(3), "int64"),
        (np.float64(0.5), "float64"),
        (float("nan"), "finite"),
        (float("-inf"), "finite"),
        ("a,b", "separate list items by ':'"),
        ("it's", "printable"),
        ("a\nb", "printable"),
    ],
)
def test_values_that_a_key_cannot_hold_are_refused(value, match):
    with pytest.raises(ModuleSpecError, match=match):
        spec_of(a=value)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "two words"},
        {"kind": ""},
        {"params": (("b", 1), ("a", 1))},
        {"params": (("a", 1), ("a", 1))},
        {"params": (("a b", 1),)},
        {"inputs": ()},
        {"inputs": [TensorSpec((1,))]},
        {"dtype": "float32"},
        {"batch": 0},
        {"batch": 1.0},
        {"batch": 2},
    ],
)
def test_contradictory_fields_are_refused(fields):
    good = {"kind": "k", "params": (), "inputs": (TensorSpec((3, 4)),), "dtype": "fp32"}
    with pytest.raises(ModuleSpecError):
        ModuleSpec(**{**good, "batch": 1, **fields})


def test_getters_give_the_asked_type():
    spec = spec_of(i=3, f=0.5, t="x", ints="8:16", floats="0.5:1:2")
    assert spec.get_int("i") == 3
    assert spec.get_float("f") == 0.5
    assert spec.get_float("i") == 3.0
    assert spec.get_str("t") == "x"
    assert spec.get_ints("ints") == (8, 16)
    assert spec.get_floats("floats") == (0.5, 1.0, 2.0)


@pytest.mark.parametrize(
    ("getter", "name", "match"),
    [
        ("get_int", "t", "must be an int, got 'x'"),
        ("get_int", "f", "must be an int, got 0.5"),
        ("get_float", "t", "must be a number"),
        ("get_str", "f", "must be a str"),
        ("get_ints", "t", "must list integers like 8:16:32, got 'x'"),
        ("get_ints", "floats", "must list integers"),
        ("get_floats", "t", "must list numbers"),
        ("get_int", "missing", "no parameter 'missing'; it has f, floats, t"),
    ],
)
def test_getters_refuse_other_types(getter, name, match):
    spec = spec_of(f=0.5, t="x", floats="0.5:1")
    with pytest.raises(ModuleSpecError, match=match):
        getattr(spec, getter)(name)


def test_a_module_without_parameters_says_so():
    with pytest.raises(ModuleSpecError, match="it has none"):
        spec_of().get_int("a")


def test_errors_are_value_errors_of_the_room():
    assert issubclass(ModuleSpecError, SearchSpaceError)
    assert issubclass(SearchSpaceError, ValueError)


@pytest.mark.parametrize(
    "shape", [(), (0,), (1, -1), (1.5,), (True,), (np.int64(2),), [1, 2], "12", 3]
)
def test_tensor_shapes_are_tuples_of_positive_ints(shape):
    with pytest.raises(ModuleSpecError):
        TensorSpec(shape)


def test_tensor_knows_its_size_and_text():
    tensor = TensorSpec((2, 3, 5), "int64")
    assert tensor.numel == 30
    assert str(tensor) == "2x3x5:int64"
    assert TensorSpec.parse("2x3x5:int64") == tensor


@pytest.mark.parametrize("text", ["", "x", "1x", "1 x2", "1x2:", "1x2:a b", "1x2:float32", "٣x2"])
def test_tensor_parse_refuses_other_spellings(text):
    with pytest.raises(ModuleSpecError):
        TensorSpec.parse(text)
