"""`/health` and `/version`: what a deployment is judged by."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from app import __version__
from app.faults import health_status_override

INSIDE_ADDRESSES = frozenset({"127.0.0.1", "::1"})

router = APIRouter()


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """200 when the database and the cache answer, else 503."""
    settings = request.app.state.settings
    checks = {
        "db": "ok" if request.app.state.database.answers() else "unreachable",
        "redis": "ok" if request.app.state.cache.answers() else "unreachable",
    }
    status = 200 if set(checks.values()) == {"ok"} else 503
    override = health_status_override(settings.fault, is_from_inside(request))
    if override is not None:
        status = override
    body = {
        "status": "healthy" if status == 200 else "unhealthy",
        **checks,
        "release": settings.release,
        "version": __version__,
    }
    return JSONResponse(body, status_code=status)


@router.get("/version")
def version(request: Request) -> dict[str, str]:
    """Which release this is."""
    settings = request.app.state.settings
    return {"release": settings.release, "git_sha": settings.git_sha, "version": __version__}


def is_from_inside(request: Request) -> bool:
    """Whether the container itself asks, as its own health check does."""
    return request.client is not None and request.client.host in INSIDE_ADDRESSES
