"""`GET /metrics` for Prometheus."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.access.guarded_route import GuardedRoute
from app.api.context import Context
from app.metrics import scrape

router = APIRouter(route_class=GuardedRoute)


class MetricsText(Response):
    """Metrics as text."""

    media_type = scrape.CONTENT_TYPE


@router.get("/metrics", response_class=MetricsText, summary="What Prometheus watches")
async def get_metrics(context: Context) -> Response:
    """Figures of the installation, read from the database and the node as they are now, and of this process.

    Always 200: what cannot be read has no figure, and `kennel_section_read` says so.
    """
    headers = {"Cache-Control": "no-store"}
    return MetricsText(await context.scrape.text(), headers=headers)
