"""How handlers get what they ask for, without starting a task for each of it."""

from __future__ import annotations

from litestar import Litestar
from litestar.routes import HTTPRoute, WebSocketRoute


def resolve_one_by_one(app: Litestar) -> None:
    """Resolve a handler's dependencies one after the other.

    Litestar resolves those that do not need each other at the same time, in a task each, which takes longer than the
    rest of a small request; ours are there already, or take no time. A batch comes before those that need what is in
    it, so its parts may become batches of their own.

    There is no setting for it: this is for Litestar 2, whose routes keep the batches in `dependency_batches` of a
    model that is not documented (litestar._kwargs, 2.25 and before). tests/api/test_http.py says whether it still
    works, and whether it is still needed.
    """
    for route in app.routes:
        models = []
        if isinstance(route, HTTPRoute):
            models = [model for _, model in route.route_handler_map.values()]
        elif isinstance(route, WebSocketRoute) and route.handler_parameter_model is not None:
            models = [route.handler_parameter_model]
        for model in models:
            model.dependency_batches = [{one} for batch in model.dependency_batches for one in batch]
