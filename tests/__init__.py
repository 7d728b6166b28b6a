"""The suite. `tests.support` holds what the tests stand on, `conftest.py` hands it out as fixtures."""
