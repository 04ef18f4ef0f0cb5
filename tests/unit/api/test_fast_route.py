from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from app.api import fast_route


async def nested(q: str = "") -> str:
    return q


@pytest.mark.parametrize("annotation", [Annotated[str, Query()], Annotated[str, Depends(nested)]])
def test_a_straight_route_refuses_at_once_what_it_would_not_resolve(annotation: object) -> None:
    router = APIRouter(route_class=fast_route.FastRoute)

    async def endpoint(query: str = "") -> Response:
        return Response(query)

    endpoint.__annotations__["query"] = annotation

    with pytest.raises(TypeError):
        router.get("/x")(endpoint)
