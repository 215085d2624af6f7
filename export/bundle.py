"""A bundle: a folder with an engine, what it needs to run, and what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from detection import Preprocess

from .integrity import MODEL, REPORT, WEIGHTS, check_files, manifest_values
from .manifest import Manifest
from .postprocess import Postprocess
from .runnable import Runnable, check_runs_here, read_descriptions


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hold a bundle that was checked.

    Attributes:
        path: The folder.
        manifest: What it says about itself.
        preprocess: From an image to the network's input.
        postprocess: From the network's outputs to detections.
        labels: Class names by label.
    """

    path: Path
    manifest: Manifest
    preprocess: Preprocess
    postprocess: Postprocess
    labels: tuple[str, ...]

    @property
    def onnx_path(self) -> Path:
        """Return the ONNX model."""
        return self.path / MODEL

    @property
    def engine_path(self) -> Path:
        """Return the engine file, as the vendor's own tools read it."""
        return self.path / self.manifest.engine.file

    @property
    def weights_path(self) -> Path:
        """Return the weights of the torch model."""
        return self.path / WEIGHTS

    @property
    def report_path(self) -> Path:
        """Return the report."""
        return self.path / REPORT

    @property
    def runnable(self) -> Runnable:
        """Return what a session needs of it."""
        manifest = self.manifest
        return Runnable(
            self.path,
            manifest.origin.arch,
            manifest.engine,
            self.preprocess,
            self.postprocess,
            self.labels,
        )


def load_bundle(path: str | Path, *, check_machine: bool = True) -> Bundle:
    """Read a bundle and check every file of it.

    The hashes protect against damage and careless edits, not against someone who writes a whole
    new bundle: nothing is signed.

    Args:
        path: The folder.
        check_machine: Refuse a bundle that was checked with another runtime version or on another
            architecture; turn it off only to look at a bundle, not to run it.

    Raises:
        BundleError: It is no bundle, or one of an unknown version.
        BundleFilesError: Files are missing, extra, links, or named outside of the folder.
        BundleTamperedError: A file has another content than when it was written.
        BundleRuntimeError: The installed runtime is another version.
        BundleMachineError: This machine has another processor architecture.
    """
    path = Path(path)
    content = check_files(path)
    manifest = Manifest.from_bytes(content)
    if check_machine:
        check_runs_here(manifest.engine)
    return Bundle(path, manifest, *read_descriptions(path, manifest_values(content)))
