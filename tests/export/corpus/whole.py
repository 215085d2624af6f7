"""The whole corpus."""

from tests.export.corpus.entries import Entry
from tests.export.corpus.foreign import foreign
from tests.export.corpus.handmade import bad_entries, small_entries
from tests.export.corpus.ours import ours


def entries() -> dict[str, Entry]:
    """Return every graph of the corpus by name; nothing is made yet."""
    every = [*bad_entries(), *small_entries(), *ours(), *foreign()]
    found = {entry.name: entry for entry in every}
    assert len(found) == len(every), "two graphs have the same name"
    return found
