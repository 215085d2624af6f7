"""Foreign files of latencies: one file per format, each with ``read`` and ``write``.

No format holds all that a table does; ``write`` returns what was lost, in sentences, and ``read``
notes in the table's manifest what the source did not say.

registry.py   the formats by name: csv.py, ofa_yaml.py, tinynas_conv.py, trtexec_json.py
exchange.py   import a foreign file
origin.py     what a foreign file does not say: device, engine, precision
rows.py       values of a foreign file, read and made a table of
"""

from __future__ import annotations

from .exchange import import_table, make_origin
from .origin import DEVICES, Origin
from .registry import FORMATS, Format, get_format

__all__ = [
    "DEVICES",
    "FORMATS",
    "Format",
    "Origin",
    "get_format",
    "import_table",
    "make_origin",
]
