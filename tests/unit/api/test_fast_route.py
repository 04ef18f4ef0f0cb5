from datetime import datetime
from typing import Annotated, Literal

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Query
from fastapi.routing import APIRoute
from pydantic import AfterValidator, PlainValidator
from starlette.responses import Response

from app.api import errors, fast_route, parameters, revalidation
from tests.unit.api.conftest import client_of

PATHS = [
    "/seen/shop",
    "/seen/shop?token=a&token=b",
    "/seen/shop?token=",
    "/seen/shop?token=%F0%9F%90%95+x&other=1",
    f"/seen/shop?token={'x' * 300}",
    f"/seen/{'x' * 300}",
    "/seen/shop?count=2",
    "/seen/shop?count=0",
    "/seen/shop?count=two",
    "/seen/shop?colour=red&from=2026-01-05T00:00:00Z",
    "/seen/shop?colour=blue",
    "/seen/shop?from=yesterday",
    "/seen/shop?several=a&several=b&several=",
    "/seen/shop?several=a",
]


async def nested(q: str = "") -> str:
    return q


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (Annotated[str, Depends(nested)], ""),
        (Annotated[list[str], Header()], []),
        (Annotated[str, Query()], None),
        (str, ""),
    ],
)
def test_a_fast_route_refuses_to_be_built_where_it_would_not_resolve_something(
    annotation: object, default: object
) -> None:
    router = APIRouter(route_class=fast_route.OpenRoute)

    async def endpoint(query: str = "") -> Response:
        return Response(query)

    endpoint.__annotations__["query"] = annotation
    endpoint.__defaults__ = None if default is None else (default,)

    router.get("/x")(endpoint)
    [route] = router.routes

    assert isinstance(route, APIRoute)
    with pytest.raises(TypeError):
        assert route.path  # looking at it builds it


async def filters(
    colour: Annotated[Literal["", "red"], Query()] = "", start: parameters.Start = None
) -> tuple[str, datetime | None]:
    return colour, start


def application_with(route_class: type) -> FastAPI:
    router = APIRouter(route_class=route_class)

    @router.get("/seen/{foreign_id}")
    async def endpoint(  # noqa: PLR0917  as many kinds of parameters as there are
        foreign_id: parameters.ForeignId,
        token: parameters.Token = "",
        tags: revalidation.Tags = "",
        count: Annotated[int, Query(ge=1), AfterValidator(lambda number: number * 2)] = 5,
        agent: Annotated[str, Header(alias="X-Agent", max_length=3)] = "none",
        several: Annotated[frozenset[str], Query(), PlainValidator(",".join)] = frozenset(),
        among: Annotated[tuple[str, datetime | None], Depends(filters)] = ("", None),
    ) -> Response:
        return Response(f"{foreign_id}|{token}|{tags}|{count}|{agent}|{several}|{among}")

    return FastAPI(
        routes=router.routes,
        exception_handlers=errors.tables(),
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )


@pytest.mark.parametrize(
    "headers", [{}, {"If-None-Match": '"a", "b"'}, {"X-Agent": "long"}, {"x-agent": "x"}]
)
async def test_a_fast_route_answers_as_any_other_route(headers: dict[str, str]) -> None:
    answers = []
    for route_class in (APIRoute, fast_route.OpenRoute):
        async with client_of(application_with(route_class)) as client:
            responses = [await client.get(path, headers=headers) for path in PATHS]
        answers.append([(response.status_code, response.content) for response in responses])

    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} >= {400}
