"""Puts the application together."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError

from app import __version__, documents, health
from app.cache import Cache
from app.database import Database
from app.faults import Fault
from app.settings import Settings

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


def create_app(settings: Settings) -> FastAPI:
    """An application with these settings; it starts without its services and says so in `/health`."""
    if settings.fault is Fault.CRASH:
        raise SystemExit("this release was built to crash at start (BREAK_HEALTH=crash)")
    app = FastAPI(title="Blog Creator", version=__version__, lifespan=close_at_end)
    app.state.settings = settings
    app.state.database = Database(settings.database_url)
    app.state.cache = Cache(settings.redis_url)
    app.include_router(health.router)
    app.include_router(documents.router)
    app.middleware("http")(add_headers)
    app.exception_handler(OperationalError)(answer_unavailable)
    return app


@asynccontextmanager
async def close_at_end(app: FastAPI) -> AsyncIterator[None]:
    """Gives connections back when the server stops."""
    yield
    app.state.database.close()
    app.state.cache.close()


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Adds what browsers should know, and which release answered."""
    response = await call_next(request)
    response.headers.update(SECURITY_HEADERS)
    response.headers["X-Release"] = request.app.state.settings.release
    return response


async def answer_unavailable(_request: Request, _error: Exception) -> JSONResponse:
    """A database that is away is 503 and not our fault."""
    return JSONResponse({"detail": "the database does not answer"}, status_code=503)
