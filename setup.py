"""What detfit consists of and what it needs; settings of the tools stand in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
ROOMS = ("searchspaces", "engines", "detection", "latency", "search", "export", "cli")

# Lower bounds: the oldest release whose interface the code uses. torch goes down to 2.4 because
# a V100 needs a build that still has sm_70 kernels (README, "V100").
REQUIRED = [
    "torch>=2.4,<2.15",  # detection, engines/torch
    "torchvision>=0.19,<0.30",  # detection: nms, roi_align, FPN, transforms.v2
    "onnx>=1.16,<1.24",  # engines, export
    "onnxscript>=0.1,<0.8",  # engines: the dynamo exporter
    "onnxruntime>=1.18,<1.32",  # engines/onnxruntime
    "numpy>=1.26,<2.5",
    "scipy>=1.11,<1.18",  # latency, search, export: assignment, rank correlation
    "scikit-learn>=1.4,<1.10",  # latency: predictors; search: surrogates
    "joblib>=1.3,<1.7",  # latency: fits in processes
    "threadpoolctl>=3.1,<4",  # latency: one core for each job of a fit
    "pillow>=10.3,<14",  # detection: image files
    "pycocotools>=2.0.8,<2.1",  # detection: the reference COCO metric
    "faster-coco-eval>=1.6,<1.9",  # detection: the fast COCO metric
    "moocore>=0.1.4,<0.4",  # search: non-dominated sorting, hypervolume
    "safetensors>=0.4.3,<0.9",  # detection: weights
    "pydantic>=2.7,<2.15",  # files and configurations at the border
    "typer>=0.12.4,<0.30",  # cli
    "rich>=13.7,<16",  # cli: tables, progress
    "plotly>=5.22,<8",  # export/report
    "pyyaml>=6.0.1,<7",  # latency: tables of Once-for-All
]

EXTRAS = {
    "openvino": ["openvino>=2024.4,<2027"],  # engines/openvino
    # engines/tensorrt; cuda-python brings buffers, streams and events as wheels.
    "tensorrt": [
        "tensorrt>=10.0,<12",
        "cuda-python>=12.8,<14",
    ],
    "tensorrt-v100": [  # TensorRT 10.5 dropped Volta, and so did CUDA 13
        "tensorrt-cu12>=10.0,<10.5",
        "cuda-python>=12.8,<13",
    ],
    # Instead of cuda-python; has no wheels, so pip builds it: needs a CUDA toolkit and a compiler.
    "pycuda": ["pycuda>=2024.1.2,<2027"],
    "distributed": ["ray>=2.30,<3"],  # search: workers, device farms
    "train": ["tensorboard>=2.17,<3"],  # detection: curves of a training
    "dev": [  # make test
        "hypothesis>=6.100,<7",
        "import-linter>=2.1,<3",
        "mypy>=1.15,<3",
        "pytest>=8.2,<10",
        "pytest-xdist>=3.6,<4",
        "ruff>=0.17,<0.18",
        "types-pyyaml>=6.0.12,<7",
        "setuptools>=77,<85",  # tests/test_packaging.py builds the wheel offline
    ],
}

setup(
    name="detfit",
    version="0.1.0",
    description="Finds the most accurate object detector that fits a device's latency budget",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    classifiers=[
        # Keeps an upload by mistake out of the index: the rooms' names are too general for it.
        "Private :: Do Not Upload",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    # The explicit root makes `pip install -e` put this folder on sys.path, so that a new module
    # is importable without installing again.
    package_dir={"": "."},
    packages=find_packages(include=[name for room in ROOMS for name in (room, f"{room}.*")]),
    py_modules=["detfit"],
    package_data={
        **{room: ["*.json", "*.html", "*.css", "*.js"] for room in ROOMS},
        "export.report": ["*.html"],
        "detection.recipes": ["*.yaml"],
        "latency.simulated": ["devices/*.json"],
    },
    install_requires=REQUIRED,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["detfit=detfit:main"]},
)
