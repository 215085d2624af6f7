"""What was measured on one device, in memory and on disk.

table.py         the table: rows, pooled and brought to one speed of the machine
row.py           one visit to one workload
pooling.py       which visits count, and replicates as one measurement
manifest.py      where a table comes from, and what must not be mixed
table_file.py    a table on disk, read and written whole
table_writer.py  the same, row by row while a profile runs
row_text.py      a row as a line of text; bulk.py reads many of them
merging.py       several files as one
split.py         one file as two: to fit on, to judge by
"""

from __future__ import annotations

from .manifest import Manifest
from .merging import merge_tables, read_tables
from .row import Row
from .split import split_file, split_table
from .table import LatencyTable
from .table_file import read_table, write_table
from .table_writer import TableWriter

__all__ = [
    "LatencyTable",
    "Manifest",
    "Row",
    "TableWriter",
    "merge_tables",
    "read_table",
    "read_tables",
    "split_file",
    "split_table",
    "write_table",
]
