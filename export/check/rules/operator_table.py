"""Which operators the ONNX parser of each TensorRT release takes, and for which element types.

A row lists the releases at which something changed, each with the types from then on: ``8.5 fh``
means that operator and types f and h came with 8.5; ``-`` that the operator went. The letters are
those of `LETTERS`. Restrictions that are not about types are rules of their own.

Sources, one per column, all from onnx/onnx-tensorrt: docs/operators.md at 63d626b6 (8.4), fdeeaca8
(8.5), 6ba67d34 (8.6), 9d2d786c (9.0), 1def182e (9.3), eb43908b (10.0), 96e78110 (10.1), fa5aa9f6
(10.15), 7c51a63a (11.1); for releases between 10.1 and 10.15 the parser changes listed in
CHANGELOG.md of NVIDIA/TensorRT at 90536162. Clip, NonZero and ConstantOfShape follow the importers
of the same commits, which take more types than the document says.
"""

from __future__ import annotations

from ..rule import words
from ..versions import Release, parse_release

LETTERS = {
    "f": "FP32",
    "h": "FP16",
    "b": "BF16",
    "i": "INT32",
    "l": "INT64",
    "q": "INT8",
    "e": "FP8",
    "u": "UINT8",
    "o": "BOOL",
    "n": "INT4",
}
"""Element types as TensorRT names them. Before 9.0, INT64 counts as INT32; FP64 as FP32 always."""

SOURCES: tuple[tuple[Release, str], ...] = (
    ((8, 4), "63d626b6"),
    ((8, 5), "fdeeaca8"),
    ((8, 6), "6ba67d34"),
    ((9, 0), "9d2d786c"),
    ((9, 3), "1def182e"),
    ((10, 0), "eb43908b"),
    ((10, 1), "96e78110"),
    ((10, 15), "fa5aa9f6"),
    ((11, 1), "7c51a63a"),
)
"""Commit of onnx/onnx-tensorrt whose docs/operators.md speaks for a release and those after it."""

OPERATORS = {
    "Abs": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Acos": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Acosh": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Add": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "And": "8.4 o",
    "ArgMax": "8.4 fh | 8.6 fhi | 9.0 fhbil",
    "ArgMin": "8.4 fh | 8.6 fhi | 9.0 fhbil",
    "Asin": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Asinh": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Atan": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Atanh": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Attention": "10.14 fhbqe",
    "AveragePool": "8.4 fhiq | 9.0 fhbqe | 10.0 fhb",
    "BatchNormalization": "8.4 fh | 9.0 fhb",
    "BlackmanWindow": "10.4 fh",
    "Cast": "8.4 fhiqo | 8.6 fhiquo | 9.0 fhbilqeuo | 10.0 fhbiluo",
    "CastLike": "9.3 fhbilqeuo | 10.0 fhbiluo",
    "Ceil": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Celu": "8.4 fh | 9.0 fhb",
    "Clip": "8.4 fhi | 9.0 fhbil",
    "Concat": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Constant": "8.4 fhiqo | 9.0 fhbilqo | 10.0 fhbilo",
    "ConstantOfShape": "8.4 fhio | 9.0 fhbilo",
    "Conv": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "ConvTranspose": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Cos": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Cosh": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "CumSum": "8.4 fh | 9.0 fhb",
    "DeformConv": "10.1 fh",
    "DepthToSpace": "8.4 fhi | 9.0 fhbil",
    "DequantizeLinear": "8.4 q | 9.0 qe | 10.0 qen",
    "Div": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Dropout": "8.4 fh | 9.0 fhb",
    "Einsum": "8.4 fh | 9.0 fhb",
    "Elu": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Equal": "8.4 fhi | 9.0 fhbil",
    "Erf": "8.4 fh | 9.0 fhb",
    "Exp": "8.4 fh | 9.0 fhb",
    "Expand": "8.4 fhio | 9.0 fhbilo",
    "EyeLike": "8.4 fhio | 9.0 fhbilo",
    "Flatten": "8.4 fhio | 9.0 fhbilo",
    "Floor": "8.4 fh | 9.0 fhb",
    "Gather": "8.4 fhiq | 8.5 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "GatherElements": "8.4 fhiq | 8.5 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "GatherND": "8.4 fhiq | 8.5 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Gelu": "10.0 fhbilq",
    "Gemm": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "GlobalAveragePool": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "GlobalLpPool": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "GlobalMaxPool": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Greater": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "GreaterOrEqual": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "GridSample": "8.5 fh",
    "GroupNormalization": "8.6 fh | 9.0 fhb",
    "GRU": "8.4 fh | 9.0 fhb",
    "HammingWindow": "10.4 fh",
    "HannWindow": "10.4 fh",
    "Hardmax": "9.2 fhb",
    "HardSigmoid": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "HardSwish": "8.4 fh | 8.5 fhq | 9.0 fhbqe | 10.0 fhb",
    "Identity": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "If": "8.4 fhio | 9.0 fhbilo",
    "InstanceNormalization": "8.4 fh | 9.0 fhb",
    "IsInf": "8.6 fh | 9.0 fhbqe | 10.0 fhb",
    "IsNaN": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "LayerNormalization": "8.6 fh | 9.0 fhb",
    "LeakyRelu": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Less": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "LessOrEqual": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Log": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "LogSoftmax": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Loop": "8.4 fhio | 9.0 fhbilo",
    "LpNormalization": "8.4 fh | 9.0 fhb",
    "LpPool": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "LRN": "8.4 fh | 9.0 fhb",
    "LSTM": "8.4 fh | 9.0 fhb",
    "MatMul": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Max": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "MaxPool": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Mean": "8.4 fhi | 9.0 fhbile",
    "MeanVarianceNormalization": "8.5 fh | 9.0 fhb",
    "Min": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Mish": "10.0 fh",
    "Mod": "8.5 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Mul": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Neg": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "NonMaxSuppression": "8.4 fh",
    "NonZero": "8.5 fhiqo | 9.0 fhbilqo",
    "Not": "8.4 o",
    "OneHot": "8.5 fhio | 9.0 fhbilo",
    "Or": "8.4 o",
    "Pad": "8.4 fhiq | 9.0 fhbilqe | 10.0 fhbil",
    "Pow": "8.4 fh | 9.0 fhbqe | 10.0 fhb | 10.12 fhbil",
    "PRelu": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "QuantizeLinear": "8.4 fh | 9.0 fhb",
    "RandomNormal": "8.4 fh | 9.0 fhbq | 10.0 fhb",
    "RandomNormalLike": "8.4 fh | 9.0 fhbq | 10.0 fhb",
    "RandomUniform": "8.4 fh | 9.0 fhbq | 10.0 fhb",
    "RandomUniformLike": "8.4 fh | 9.0 fhbq | 10.0 fhb",
    "Range": "8.4 fhi | 9.0 fhbil",
    "Reciprocal": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "ReduceL1": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceL2": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceLogSum": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceLogSumExp": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceMax": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceMean": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceMin": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceProd": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceSum": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "ReduceSumSquare": "8.4 fh | 9.0 fhbilq | 10.0 fhbil",
    "Relu": "8.4 fhq | 9.0 fhbilq | 10.0 fhbil",
    "Reshape": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Resize": "8.4 fh | 9.0 fhb",
    "ReverseSequence": "8.4 fh | 8.6 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "RMSNormalization": "10.15 fhb",
    "RNN": "8.4 fh | 9.0 fhb",
    "RoiAlign": "8.5 fh",
    "RotaryEmbedding": "10.15 fhb",
    "Round": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Scan": "8.4 fh | 9.0 fhb",
    "Scatter": "8.4 fhiq | 9.0 fhbilqe | 10.0 fhbil",
    "ScatterElements": "8.4 fhiq | 9.0 fhbilqe | 10.0 fhbil",
    "ScatterND": "8.4 fhiq | 9.0 fhbilqe | 10.0 fhbil",
    "Selu": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Shape": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Shrink": "8.4 fhi | 9.0 fhbil",
    "Sigmoid": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Sign": "8.4 fhiq | 9.0 fhbilqe | 10.0 fhbil",
    "Sin": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Sinh": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Size": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Slice": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Softmax": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Softplus": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Softsign": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "SpaceToDepth": "8.4 fhi | 9.0 fhbil",
    "Split": "8.4 fhio | 9.0 fhbilo",
    "Sqrt": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Squeeze": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "STFT": "10.5 f",
    "Sub": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Sum": "8.4 fhi | 9.0 fhbilqe | 10.0 fhbil",
    "Swish": "11.0 fhb",
    "Tan": "8.4 fh | 9.0 fhbqe | 10.0 fhb",
    "Tanh": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "TensorScatter": "10.15 fhb",
    "ThresholdedRelu": "8.4 fhq | 9.0 fhbqe | 10.0 fhb",
    "Tile": "8.4 fhio | 9.0 fhbilo",
    "TopK": "8.4 fh | 8.6 fhi | 9.0 fhbil",
    "Transpose": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Trilu": "8.5 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Unsqueeze": "8.4 fhiqo | 9.0 fhbilqeo | 10.0 fhbilo",
    "Upsample": "8.4 fh | 9.0 fhb",
    "Where": "8.4 fhio | 9.0 fhbilqeo | 10.0 fhbilo",
    "Xor": "8.4 o",
}

REFUSED = words(
    "AffineGrid Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor "
    "CenterCropPad Col2Im Compress ConcatFromSequence ConvInteger Det DFT "
    "DynamicQuantizeLinear ImageDecoder MatMulInteger MaxRoiPool MaxUnpool MelWeightMatrix "
    "Multinomial NegativeLogLikelihoodLoss Optional OptionalGetElement OptionalHasElement "
    "QLinearConv QLinearMatMul RegexFullMatch SequenceAt SequenceConstruct SequenceEmpty "
    "SequenceErase SequenceInsert SequenceLength SequenceMap SoftmaxCrossEntropyLoss "
    "SplitToSequence StringConcat StringNormalizer StringSplit TfIdfVectorizer Unique"
)
"""Operators that no release takes."""


def types_of(op: str, release: Release) -> str | None:
    """Return the letters of the types that an operator takes; None if the release has it not."""
    found = None
    for since, letters in _HISTORY.get(op, ()):
        if since <= release:
            found = letters
    return None if found == "-" else found


def first_release(op: str) -> Release | None:
    """Return the first release that takes an operator, None if there is none."""
    history = _HISTORY.get(op)
    return history[0][0] if history else None


def source_of(release: Release) -> str:
    """Return the document that the table's column for a release comes from."""
    commit = next(commit for since, commit in reversed(SOURCES) if since <= release)
    return f"onnx/onnx-tensorrt {commit} docs/operators.md"


def _parse(row: str) -> tuple[tuple[Release, str], ...]:
    steps = (step.split() for step in row.split(" | "))
    return tuple((parse_release(since), letters) for since, letters in steps)


_HISTORY = {op: _parse(row) for op, row in OPERATORS.items()}
