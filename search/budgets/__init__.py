"""Can a budget be kept, and what is the least that a space asks for.

feasibility.py        whether anything keeps the budget; the error names the fastest
exact.py              the exact minimum of a known value, where the space's structure allows
minimum.py            what a minimum is, and how sums are checked
minimum_by_blocks.py  the exact minimum where networks differ in the number of blocks
descent.py            the least that a bounded number of calls finds, everywhere else
devices.py            a budget for each of several devices
"""

from __future__ import annotations

from .descent import fastest
from .devices import Device, parse_counted, parse_device
from .feasibility import minimise, require_feasible
from .minimum import Minimum

__all__ = [
    "Device",
    "Minimum",
    "fastest",
    "minimise",
    "parse_counted",
    "parse_device",
    "require_feasible",
]
