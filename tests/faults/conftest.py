"""Whatever a fault has done, what always holds is asked for when its test is over."""

from collections.abc import AsyncIterator

import pytest

from tests.support.bookers import superuser_of
from tests.support.invariants import broken


@pytest.fixture(autouse=True)
async def what_always_holds(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Of the databases that the test uses, each of which answers again by then."""
    used = {"database", "own_database"} & set(request.fixturenames)
    databases = [request.getfixturevalue(name) for name in used]
    yield
    for database in databases:
        async with superuser_of(database) as superuser:
            assert await broken(superuser) == []
