"""The command ``detfit``, also as ``python detfit.py``; all of it is in ``cli``."""

from __future__ import annotations

from cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
