"""Routes are built when they are asked for, and match as FastAPI's own do."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import Scope

from app.api.routes.lazy_route import LazyRoute
from tests.unit.api.conftest import client_of


def built(app: FastAPI) -> list[str]:
    return [
        vars(route)["path"] for route in app.routes if isinstance(route, LazyRoute) and "path" in vars(route)
    ]


async def test_a_request_builds_its_own_route_and_no_other() -> None:
    router = APIRouter(route_class=LazyRoute)
    for path in ("/one", "/one/{name}", "/two/{name}", "/two/{name}/three"):

        @router.get(path)
        async def endpoint(name: str = "") -> Response:
            return Response(name)

    app = FastAPI(routes=router.routes)
    before = built(app)

    async with client_of(app) as client:
        answer = await client.get("/two/shop")

    assert answer.text == "shop"
    assert (before, built(app)) == ([], ["/two/{name}"])


@pytest.mark.parametrize("path", ["/a", "/a/", "/a/b", "/a/b/c", "/a/b/c/", "/a//c", "/a/b.c/c", "/ax", "/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("template", ["/a", "/a/{name}", "/a/{name}/c", "/a/{name}/{other}"])
def test_it_matches_what_any_other_route_matches(path: str, method: str, template: str) -> None:
    async def endpoint() -> Response:
        return Response()

    scope: Scope = {"type": "http", "path": path, "method": method, "root_path": ""}
    matches = []
    for route_class in (APIRoute, LazyRoute):
        router = APIRouter(route_class=route_class)
        router.get(template)(endpoint)
        [route] = router.routes
        match, child = route.matches(dict(scope))
        matches.append((match, child.get("path_params")))

    assert matches[0] == matches[1]
