import pytest

from searchspaces import SearchSpaceError
from searchspaces.spaces.options import check_flag, check_head, check_proposals


@pytest.mark.parametrize(
    ("head", "proposals", "match"),
    [
        ("yolo", None, "head 'yolo' is not one of fpn, retinanet"),
        ("retinanet", 9, "takes no proposals, got 9"),
        ("retinanet", 0, "takes no proposals, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(head, proposals, match):
    with pytest.raises(SearchSpaceError, match=match):
        check_head(head, ("fpn", "retinanet"), proposals)


@pytest.mark.parametrize(("head", "proposals"), [("fpn", None), ("fpn", 9), ("retinanet", None)])
def test_what_fits_passes(head, proposals):
    check_head(head, ("fpn", "retinanet"), proposals)


@pytest.mark.parametrize("proposals", [0, -5, 1.5, "9", True, (9,)])
def test_what_is_no_number_of_proposals_is_refused(proposals):
    with pytest.raises(SearchSpaceError, match="proposals must be an int >= 1"):
        check_proposals(proposals)
    with pytest.raises(SearchSpaceError, match="proposals must be an int >= 1"):
        check_head("fpn", ("fpn",), proposals)


def test_proposals_may_be_left_to_the_space():
    check_proposals(None)


@pytest.mark.parametrize("value", ["no", "False", 0, 1, None])
def test_a_flag_is_a_bool(value):
    with pytest.raises(SearchSpaceError, match="branches must be True or False"):
        check_flag("branches", value)
    check_flag("branches", False)
