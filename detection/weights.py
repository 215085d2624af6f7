"""Weights on disk: safetensors with what they belong to, and foreign checkpoints.

Nothing that could run code is ever read: safetensors, or ``torch.load(weights_only=True)``.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from searchspaces import write_atomically, writing

from .errors import CheckpointError

SCHEMA = "detfit-weights"
SCHEMA_VERSION = 1
NAMED = 3  # how many names a message lists
WRAPPERS = ("state_dict", "model", "model_state_dict", "weights")


@dataclass(frozen=True, slots=True)
class WeightsInfo:
    """What weights belong to.

    Attributes:
        space: Name of the search space.
        space_options: What the space was made with, such as head and input size.
        architecture: Its code, or ``None`` for a supernet.
        num_classes: Classes without background.
        label_names: Name of every class; may be empty.
        notes: Anything else worth keeping, such as seed and steps.
    """

    space: str
    num_classes: int
    architecture: str | None = None
    space_options: Mapping[str, Any] = field(default_factory=dict)
    label_names: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


def save_weights(
    path: str | Path,
    module: nn.Module,
    info: WeightsInfo,
    kept: Callable[[], str] | None = None,
) -> Path:
    """Write parameters and buffers of a module with what they belong to, atomically.

    Args:
        path: The file.
        module: Whose weights they are.
        info: What they belong to.
        kept: Says what there is to go on from where the file cannot be written.

    Raises:
        CheckpointError: The disk is full, or does not take it; nothing of it is left.
    """
    header = {"schema": SCHEMA, "version": SCHEMA_VERSION, **asdict(info)}
    metadata = {SCHEMA: json.dumps(header, sort_keys=True)}
    path = Path(path)
    content = weights_bytes(module, metadata)
    with writing(path, CheckpointError, kept):
        write_atomically(path, content)
    return path


def weights_bytes(module: nn.Module, metadata: dict[str, str] | None = None) -> bytes:
    """Return a module's parameters and buffers in safetensors form."""
    tensors = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    content: bytes = save({k: v.contiguous() for k, v in tensors.items()}, metadata)
    return content


def read_weights_info(path: str | Path) -> WeightsInfo:
    """Return what a file's weights belong to, without reading them.

    Raises:
        CheckpointError: The file is missing, damaged or of another schema.
    """
    with _opened(Path(path)) as file:
        text = (file.metadata() or {}).get(SCHEMA)
    if text is None:
        raise CheckpointError(
            f"{path}: holds tensors but not what they belong to; load_foreign_weights reads it"
        )
    try:
        header = json.loads(text)
        version = (header.pop("schema"), header.pop("version"))
        header["label_names"] = tuple(header["label_names"])
        info = WeightsInfo(**header) if version == (SCHEMA, SCHEMA_VERSION) else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: its header cannot be read ({error})") from error
    if info is None:
        raise CheckpointError(
            f"{path}: schema {version[0]!r} version {version[1]!r} is unknown; this release "
            f"reads {SCHEMA!r} version {SCHEMA_VERSION}"
        )
    return info


def load_weights(path: str | Path, module: nn.Module) -> WeightsInfo:
    """Load weights that :func:`save_weights` wrote; returns what they belong to.

    Raises:
        CheckpointError: The file is missing, damaged or of another schema, or its tensors do not
            fit the module, which is then left unchanged.
    """
    info = read_weights_info(path)
    load_tensors(path, module)
    return info


def load_tensors(path: str | Path, module: nn.Module) -> None:
    """Load a safetensors file into a module.

    Raises:
        CheckpointError: As for :func:`load_weights`, whatever the file's header.
    """
    load_into(module, read_tensors(Path(path)), path)


def load_part(path: str | Path, module: nn.Module) -> None:
    """Load what a module has of a safetensors file into it, such as a chain of a detector's.

    Raises:
        CheckpointError: As for :func:`load_weights`, whatever the file's header; tensors that the
            module does not have are left out.
    """
    names = module.state_dict().keys()
    tensors = {name: value for name, value in read_tensors(Path(path)).items() if name in names}
    load_into(module, tensors, path)


def load_foreign_weights(
    path: str | Path, module: nn.Module, rename: Callable[[str], str | None] | None = None
) -> None:
    """Load another program's checkpoint: safetensors, or what ``torch.save`` wrote.

    Args:
        path: ``.safetensors``, or a file with a state dict, bare or under ``state_dict`` or
            ``model``; read without running code.
        module: Every parameter and buffer of it must be in the file.
        rename: From the file's name of a tensor to the module's; ``None`` leaves it out.

    Raises:
        CheckpointError: The file cannot be read or its tensors do not fit the module.
    """
    path = Path(path)
    tensors = read_foreign_tensors(path)
    if rename is not None:
        named = [(rename(name), value) for name, value in tensors.items()]
        tensors = {name: value for name, value in named if name is not None}
    load_into(module, tensors, path)


def read_foreign_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of another program's checkpoint by their names in it.

    Raises:
        CheckpointError: The file cannot be read or holds more than tensors.
    """
    return read_tensors(path) if path.suffix == ".safetensors" else _read_pickled(path)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: no safetensors file, or a torn one ({error}); copy or train it again"
        ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    with _opened(path) as file:
        names = list(file.keys())
        return {name: file.get_tensor(name) for name in names}


def _read_pickled(path: Path) -> dict[str, Tensor]:
    content = load_state(path)
    for key in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(f"{path}: holds no state dict of tensors")
    return content


def load_state(path: str | Path) -> Any:
    """Return what ``torch.save`` wrote, on the CPU, without running code.

    Raises:
        CheckpointError: The file is missing or damaged, or holds more than plain data.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path}: cannot be read as plain tensors ({reason}); it is torn, or needs code "
            "to be run, which is refused"
        ) from error


def load_into(module: nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Load tensors that came from a file, all or none of them.

    Raises:
        CheckpointError: Tensors are missing, unexpected or of another shape.
    """
    wanted = module.state_dict()
    problems = [
        _listing("missing", [name for name in wanted if name not in tensors]),
        _listing("unexpected", [name for name in tensors if name not in wanted]),
        _listing(
            "of another shape",
            [
                f"{name} {tuple(tensors[name].shape)} for {tuple(value.shape)}"
                for name, value in wanted.items()
                if name in tensors and tensors[name].shape != value.shape
            ],
        ),
    ]
    if any(problems):
        raise CheckpointError(
            f"{path}: does not fit the model: {'; '.join(filter(None, problems))}"
        )
    module.load_state_dict(dict(tensors))


def _listing(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED])}{more})"
