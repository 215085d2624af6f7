from searchspaces import SearchSpace, make_space


def test_a_space_from_outside_needs_only_the_members():
    class Bare:
        pass

    assert isinstance(make_space("detnas-nano"), SearchSpace)
    assert not isinstance(Bare(), SearchSpace)
