import pytest

from tests.searchspaces.spaces.smnas.every_space import SPACES


@pytest.fixture(params=SPACES.values(), ids=SPACES.keys())
def space(request):
    return request.param()
