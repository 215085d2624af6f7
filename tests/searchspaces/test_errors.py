from searchspaces import errors


def test_the_docstring_draws_every_error():
    names = {n for n, v in vars(errors).items() if isinstance(v, type)}
    assert all(issubclass(getattr(errors, name), errors.SearchSpaceError) for name in names)
    assert all(name in errors.__doc__ for name in names)
