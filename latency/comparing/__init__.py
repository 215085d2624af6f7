"""Two tables of one device: what became slower or faster, and is it more than chance.

table_files.py  two table files, as the command line compares them
notes.py        what may deceive in a comparison, and what to measure instead
diff.py         all changes from one table to the other
gate.py         a change, and the gate that it must not break
stats.py        log ratios, their errors, moderated t-tests
kinds.py        the same for kinds of modules, by their shares of all workloads
side.py         one table's part: logarithms of medians, pass by pass
variance.py     variances of series that are too short to tell their own
"""

from __future__ import annotations

from .diff import TableDiff, diff_tables, holm
from .gate import Change, Gate
from .table_files import compare_tables

__all__ = ["Change", "Gate", "TableDiff", "compare_tables", "diff_tables", "holm"]
