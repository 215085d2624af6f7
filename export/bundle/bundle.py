"""A bundle: a folder with an engine, what it needs to run, and what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .integrity import REPORT, check_files, manifest_values
from .manifest import Manifest
from .platforms import check_certified
from .runnable import Runnable, runnable_of


@dataclass(frozen=True, slots=True)
class Bundle(Runnable):
    """Hold a bundle that was checked: what runs, and what was found out about it.

    Attributes:
        manifest: What it says about itself.
    """

    manifest: Manifest

    @property
    def report_path(self) -> Path:
        """Return the report."""
        return self.path / REPORT


def load_bundle(path: str | Path, *, check_machine: bool = True) -> Bundle:
    """Read a bundle and check every file of it.

    The hashes protect against damage and careless edits, not against someone who writes a whole
    new bundle: nothing is signed.

    Args:
        path: The folder.
        check_machine: Refuse a bundle that was verified with other runtime versions or on other
            architectures only; turn it off to look at a bundle, or to run it unverified.

    Raises:
        BundleError: It is no bundle, or one of an unknown version.
        BundleFilesError: Files are missing, extra, links, unreadable, or named outside of the
            folder.
        BundleTamperedError: A file has another content than when it was written.
        BundleRuntimeError: The installed runtime is another version.
        BundleMachineError: This machine has another processor architecture.
    """
    path = Path(path)
    content = check_files(path)
    manifest = Manifest.from_bytes(content)
    if check_machine:
        check_certified(manifest.platforms, manifest.engine.name)
    ready = runnable_of(path, manifest_values(content))
    return Bundle(
        path,
        manifest.origin.arch,
        manifest.engine,
        ready.preprocess,
        ready.postprocess,
        ready.labels,
        ready.platforms,
        manifest,
    )
