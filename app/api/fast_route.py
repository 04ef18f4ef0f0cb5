"""A route for the busiest endpoints: it resolves their arguments without FastAPI's general machinery."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, get_args, get_type_hints

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from app.api.access.guarded_route import GuardedRoute, guarded

Call = Callable[..., Any]


class FastRoute(GuardedRoute):
    """Resolves path parameters and the dependencies that take only the request.

    OpenAPI describes it as any other route.

    Measured for an invoice, without the domain: 70 microseconds a request instead of 135.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request; TypeError if the endpoint takes anything else."""
        endpoint, calls = self.endpoint, dependencies(self.endpoint)
        names = set(inspect.signature(endpoint).parameters) - calls.keys()
        if names - self.param_convertors.keys() or not all(map(_takes_the_request, calls.values())):
            raise TypeError(f"{endpoint} takes more than its path and what the request gives")
        hints = get_type_hints(endpoint, include_extras=True)
        readers = {name: TypeAdapter(hints[name]).validate_python for name in names}

        async def answer(request: Request) -> Response:
            values = _path_values(readers, request.path_params)
            for name, call in calls.items():
                values[name] = await call(request)
            response: Response = await endpoint(**values)
            return response

        return guarded(self, answer)


def dependencies(endpoint: Call) -> dict[str, Call]:
    """Return, for each parameter that is annotated with `Depends(function)`, that function."""
    hints = get_type_hints(endpoint, include_extras=True)
    marks = ((name, mark) for name, hint in hints.items() for mark in get_args(hint)[1:])
    return {name: call for name, mark in marks if callable(call := getattr(mark, "dependency", None))}


def _path_values(readers: Mapping[str, Call], texts: Mapping[str, Any]) -> dict[str, Any]:
    """Read the path parameters; raises RequestValidationError, as FastAPI does."""
    values = {}
    for name, read in readers.items():
        try:
            values[name] = read(texts[name])
        except ValidationError as error:
            located = [
                {**item, "loc": ("path", name, *item["loc"])} for item in error.errors(include_url=False)
            ]
            raise RequestValidationError(located) from None
    return values


def _takes_the_request(call: Call) -> bool:
    """Tell whether a dependency takes nothing but the request."""
    return [parameter.annotation for parameter in inspect.signature(call).parameters.values()] == [Request]
