"""One profilable unit of work, named by everything that decides its cost.

A :class:`ModuleSpec` is the shared word of the suite: the latency table is keyed by it, the
costs are counted from it, and ``detection.build_module`` makes the runnable torch module of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .errors import ModuleSpecError

Value = int | float | str
PRECISIONS = ("fp32", "fp16", "int8")
_RESERVED = frozenset("',()@=")  # they delimit the key


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Describe one tensor.

    Attributes:
        shape: Full shape, batch (or batch times boxes) first: ``(n, c, h, w)`` for feature maps.
        dtype: NumPy name of the element type.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        shape: object = self.shape
        if not isinstance(shape, tuple) or not shape:
            raise ModuleSpecError(f"a tensor's shape is a tuple of sides, got {shape!r}")
        if any(type(side) is not int or side < 1 for side in shape):
            raise ModuleSpecError(f"every side of a tensor must be an int >= 1, got {shape}")
        if not self.dtype.isidentifier():
            raise ModuleSpecError(f"{self.dtype!r} is no NumPy type name such as float32 or int64")

    @property
    def numel(self) -> int:
        """Return the number of elements."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        sides = "x".join(map(str, self.shape))
        return sides if self.dtype == "float32" else f"{sides}:{self.dtype}"

    @classmethod
    def parse(cls, text: str) -> TensorSpec:
        """Read back what ``str`` wrote.

        Raises:
            ModuleSpecError: The text is not ``1x3x224x224`` or ``1x100:int64``.

        Example:
            >>> TensorSpec.parse("1x3x224x224").shape
            (1, 3, 224, 224)
        """
        sides, _, dtype = text.partition(":")
        try:
            tensor = cls(tuple(int(side) for side in sides.split("x")), dtype or "float32")
        except ValueError as error:
            raise ModuleSpecError(
                f"{text!r} is no tensor; write sides and type like 1x3x224x224 or 1x100:int64"
            ) from error
        if str(tensor) != text:
            raise ModuleSpecError(f"{text!r} is not how a tensor is written; write '{tensor}'")
        return tensor


@dataclass(frozen=True, eq=False)
class ModuleSpec:
    """Name one profilable unit of work.

    Two specifications are equal when their keys are: ``1`` and ``1.0`` are different parameters.

    Attributes:
        kind: A key of :data:`searchspaces.KINDS`.
        params: ``(name, value)`` pairs sorted by name; what the kind needs beside its inputs.
        inputs: The tensors that it takes, heights and widths apart.
        dtype: Precision that it runs in: ``fp32``, ``fp16`` or ``int8``.
        batch: Images per run; the first side of every input is a multiple of it.

    Raises:
        ModuleSpecError: A field could not be written into a key and read back, the precision is
            unknown, or the batch does not fit the inputs.

    Example:
        >>> x = TensorSpec((1, 64, 56, 56))
        >>> spec = ModuleSpec.of("shuffle_block", [x], op="conv", kernel=3, in_channels=64,
        ...                      mid_channels=32, out_channels=64, stride=1, shuffle="even_odd")
        >>> ModuleSpec.parse(spec.key) == spec
        True
    """

    kind: str
    params: tuple[tuple[str, Value], ...]
    inputs: tuple[TensorSpec, ...]
    dtype: str = "fp32"
    batch: int = 1

    def __post_init__(self) -> None:
        if self.dtype not in PRECISIONS:
            raise ModuleSpecError(
                f"precision {self.dtype!r} is not one of {', '.join(PRECISIONS)}"
            )
        names = [name for name, _ in self.params]
        if names != sorted(set(names)):
            raise ModuleSpecError(f"params of {self.kind} must be sorted and unique, got {names}")
        for name in (self.kind, *names):
            if not name.isidentifier():
                raise ModuleSpecError(f"{name!r} is no name for a kind or a parameter")
        for name, value in self.params:
            _check_value(f"{self.kind}.{name}", value)
        self._check_inputs()

    def _check_inputs(self) -> None:
        inputs: object = self.inputs
        if not isinstance(inputs, tuple) or not inputs:
            raise ModuleSpecError(f"{self.kind} takes a tuple of tensors, got {inputs!r}")
        if type(self.batch) is not int or self.batch < 1:
            raise ModuleSpecError(f"batch must be an int >= 1, got {self.batch!r}")
        if any(tensor.shape[0] % self.batch for tensor in self.inputs):
            raise ModuleSpecError(
                f"{self.kind} at batch {self.batch} takes tensors whose first side is a multiple "
                f"of the batch, got {', '.join(map(str, self.inputs))}"
            )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self.key == other.key if isinstance(other, ModuleSpec) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)  # a str keeps its hash, so this is computed once

    @classmethod
    def of(
        cls,
        kind: str,
        inputs: Sequence[TensorSpec],
        *,
        dtype: str = "fp32",
        batch: int = 1,
        **params: Value,
    ) -> ModuleSpec:
        """Make a specification from keyword parameters."""
        return cls(kind, tuple(sorted(params.items())), tuple(inputs), dtype, batch)

    @cached_property
    def _by_name(self) -> dict[str, Value]:
        return dict(self.params)

    def _get(self, name: str) -> Value:
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self._by_name) or "none"
            raise ModuleSpecError(
                f"{self.kind} has no parameter {name!r}; it has {known}"
            ) from None

    def get_int(self, name: str) -> int:
        """Return an integer parameter.

        Raises:
            ModuleSpecError: The parameter is missing or no integer.
        """
        value = self._get(name)
        if not isinstance(value, int):
            raise ModuleSpecError(f"{self.kind}.{name} must be an int, got {value!r}")
        return value

    def get_float(self, name: str) -> float:
        """Return a numeric parameter as float.

        Raises:
            ModuleSpecError: The parameter is missing or no number.
        """
        value = self._get(name)
        if isinstance(value, str):
            raise ModuleSpecError(f"{self.kind}.{name} must be a number, got {value!r}")
        return float(value)

    def get_str(self, name: str) -> str:
        """Return a text parameter.

        Raises:
            ModuleSpecError: The parameter is missing or no text.
        """
        value = self._get(name)
        if not isinstance(value, str):
            raise ModuleSpecError(f"{self.kind}.{name} must be a str, got {value!r}")
        return value

    def get_ints(self, name: str) -> tuple[int, ...]:
        """Return a list parameter, written ``8:16:32``, as integers.

        Raises:
            ModuleSpecError: The parameter is missing or no such list.
        """
        text = self.get_str(name)
        try:
            return tuple(int(part) for part in text.split(":"))
        except ValueError:
            raise ModuleSpecError(
                f"{self.kind}.{name} must list integers like 8:16:32, got {text!r}"
            ) from None

    def get_floats(self, name: str) -> tuple[float, ...]:
        """Return a list parameter, written ``0.5:1:2``, as floats.

        Raises:
            ModuleSpecError: The parameter is missing or no such list.
        """
        text = self.get_str(name)
        try:
            return tuple(float(part) for part in text.split(":"))
        except ValueError:
            raise ModuleSpecError(
                f"{self.kind}.{name} must list numbers like 0.5:1:2, got {text!r}"
            ) from None

    @cached_property
    def key(self) -> str:
        """Return the canonical text of the specification: the key of latency tables."""
        params = ",".join(f"{name}={_text(value)}" for name, value in self.params)
        inputs = "+".join(map(str, self.inputs))
        return f"{self.kind}({params})@{inputs}/{self.dtype}/b{self.batch}"

    @classmethod
    def parse(cls, key: str) -> ModuleSpec:
        """Read back what :attr:`key` wrote; one module has one key.

        Raises:
            ModuleSpecError: The text is no key, or another spelling of one.
        """
        head, at, tail = key.partition(")@")
        kind, paren, params = head.partition("(")
        fields = tail.split("/")
        if not at or not paren or len(fields) != 3 or not fields[2].startswith("b"):
            raise ModuleSpecError(
                f"{key!r} is no module key; it reads kind(name=value,...)@1x3x8x8/fp32/b1"
            )
        pairs = [part.partition("=") for part in params.split(",") if part]
        try:
            batch = int(fields[2][1:])
        except ValueError:
            raise ModuleSpecError(f"{key!r} is no module key: batch {fields[2]!r}") from None
        spec = cls(
            kind,
            tuple((name, _value(text)) for name, _, text in pairs),
            tuple(TensorSpec.parse(part) for part in fields[0].split("+")),
            fields[1],
            batch,
        )
        if spec.key != key:
            raise ModuleSpecError(f"{key!r} is not how the key is written; write {spec.key!r}")
        return spec

    def __str__(self) -> str:
        return self.key


def _check_value(name: str, value: object) -> None:
    """Refuse a parameter that a key could not hold."""
    if type(value) not in (int, float, str):
        raise ModuleSpecError(
            f"{name} must be a plain int, float or str, got {value!r} of type "
            f"{type(value).__name__}; convert NumPy numbers and bools with int() or float()"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ModuleSpecError(f"{name} must be finite, got {value}")
    if isinstance(value, str) and (set(value) & _RESERVED or not value.isprintable()):
        raise ModuleSpecError(
            f"{name} may hold only printable characters and none of "
            f"{''.join(sorted(_RESERVED))}, got {value!r}; separate list items by ':'"
        )


def _text(value: Value) -> str:
    """Write a parameter so that :func:`_value` gives it back with its type."""
    if isinstance(value, str):
        return f"'{value}'"
    return repr(value)


def _value(text: str) -> Value:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ModuleSpecError(f"{text!r} is no parameter value (int, float or 'text')") from None
