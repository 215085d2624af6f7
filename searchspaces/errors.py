"""Errors of the search spaces.

SearchSpaceError
├── ArchitectureError     a code, gene or architecture that the space does not hold
├── ModuleSpecError       a module that cannot exist (unknown kind, wrong parameter, wrong inputs)
├── SizeError             a text or a pair that names no image size
└── UnknownSpaceError     a space name that is not registered
"""

from __future__ import annotations


class SearchSpaceError(ValueError):
    """Base of every error that the room raises on bad input."""


class ArchitectureError(SearchSpaceError):
    """A code or a gene vector lies outside its space."""


class ModuleSpecError(SearchSpaceError):
    """A module specification contradicts itself or its kind."""


class SizeError(SearchSpaceError):
    """A text or a pair names no image size."""


class UnknownSpaceError(SearchSpaceError):
    """A space name is not registered."""
