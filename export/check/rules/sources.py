"""Where the rules come from, under short names."""

from __future__ import annotations

_PARSER = "onnx/onnx-tensorrt"
_TENSORRT = "NVIDIA/TensorRT"

IMPORTERS_84 = f"{_PARSER} 63d626b6 builtin_op_importers.cpp"
IMPORTERS_85 = f"{_PARSER} fdeeaca8 builtin_op_importers.cpp"
IMPORTERS_86 = f"{_PARSER} 6ba67d34 builtin_op_importers.cpp"
IMPORTERS_101 = f"{_PARSER} 96e78110 onnxOpImporters.cpp"
CHECKERS_101 = f"{_PARSER} 96e78110 onnxOpCheckers.cpp"
HELPERS_86 = f"{_PARSER} 6ba67d34 onnx2trt_utils.cpp"
HELPERS_101 = f"{_PARSER} 96e78110 importerUtils.cpp"
OPERATORS_84 = f"{_PARSER} 63d626b6 docs/operators.md"
OPERATORS_101 = f"{_PARSER} 96e78110 docs/operators.md"
OPERATORS_1015 = f"{_PARSER} fa5aa9f6 docs/operators.md"
OPERATORS_111 = f"{_PARSER} 7c51a63a docs/operators.md"
PARSER_CHANGES = f"{_PARSER} 96e78110 docs/Changelog.md"

CHANGES = f"{_TENSORRT} 90536162 CHANGELOG.md"
HEADER_104 = f"{_TENSORRT} 08ad45bf include/NvInfer.h"
PLUGINS = f"{_TENSORRT} plugin/ at 3e345efc (8.4) to 90536162 (11.1)"
NOTES_1011 = "docs.nvidia.com/deeplearning/tensorrt release notes 10.11.0"
MIGRATION_11 = "docs.nvidia.com/deeplearning/tensorrt migration from 10 to 11"


def issue(number: int, repository: str = _TENSORRT) -> str:
    """Return how an issue is named."""
    return f"{repository}#{number}"
