"""What an operator asks: whether the program answers."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api import answers

health = APIRouter()


class Health(answers.View):
    """The program answers."""

    status: str


@health.get("/health", response_model=Health, summary="Whether the program answers")
async def get_health() -> Response:
    """Ask nothing of the database: a supervisor restarts what does not answer, which would not mend a database."""
    return answers.show(Health(status="ok"))
