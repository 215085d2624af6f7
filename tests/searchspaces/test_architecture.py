import hashlib

import numpy as np
import pytest

from searchspaces import Architecture, ArchitectureError


def test_digest_is_the_hash_of_the_canonical_json():
    expected = hashlib.sha256(b'["detnas-nano",[0,3,"a"]]').hexdigest()
    assert Architecture("detnas-nano", (0, 3, "a")).digest == expected


def test_digest_tells_spaces_genes_and_types_apart():
    archs = [
        Architecture("a", (1, 2)),
        Architecture("b", (1, 2)),
        Architecture("a", (2, 1)),
        Architecture("a", ("1", "2")),
        Architecture("a", (12,)),
        Architecture("a", ()),
    ]
    assert len({arch.digest for arch in archs}) == len(archs)


def test_equal_genes_are_equal_and_hash_alike():
    assert len({Architecture("a", (1, 2)), Architecture("a", (1, 2))}) == 1


def test_cannot_be_changed():
    with pytest.raises(AttributeError):
        Architecture("a", (1,)).genes = (2,)


@pytest.mark.parametrize("genes", [[1, 2], "12", np.array([1, 2]), None])
def test_genes_must_be_a_tuple(genes):
    with pytest.raises(ArchitectureError, match=r"genes must be a tuple, got .*; write tuple"):
        Architecture("a", genes)


@pytest.mark.parametrize("gene", [True, 1.0, None, np.int64(1), (1,)])
def test_genes_must_be_plain(gene):
    with pytest.raises(ArchitectureError, match=type(gene).__name__):
        Architecture("a", (0, gene))
