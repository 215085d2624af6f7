"""The fixes by name, in the order in which they are tried."""

from __future__ import annotations

from . import branches, constants, norms, spelling, types
from .fix import Fix

FIXES: dict[str, Fix] = {
    fix.name: fix
    for fix in (*types.FIXES, *branches.FIXES, *constants.FIXES, *spelling.FIXES, *norms.FIXES)
}

__all__ = ["FIXES", "Fix"]
