"""`/health` and `/version` against the real services."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from app import __version__
from app.application import create_app
from app.faults import Fault
from app.settings import Settings


def test_health_is_200_when_both_services_answer(client: TestClient) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "healthy",
        "db": "ok",
        "redis": "ok",
        "release": "test-release",
        "version": __version__,
    }


def test_health_is_503_without_the_database(client_without_database: TestClient) -> None:
    response = client_without_database.get("/health")
    assert response.status_code == 503
    assert response.json()["db"] == "unreachable"
    assert response.json()["redis"] == "ok"


def test_health_is_503_without_the_cache(client_without_cache: TestClient) -> None:
    response = client_without_cache.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert response.json()["redis"] == "unreachable"


def test_version_tells_the_release(client: TestClient) -> None:
    response = client.get("/version")
    assert response.json() == {
        "release": "test-release",
        "git_sha": "0123abc",
        "version": __version__,
    }
    assert response.headers["X-Release"] == "test-release"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.ANSWERS_500, 500), (Fault.NEVER_HEALTHY, 503), (Fault.PROXY_500, 500)],
)
def test_a_release_built_with_a_fault_is_unhealthy(settings: Settings, fault: Fault, status: int) -> None:
    with TestClient(create_app(replace(settings, fault=fault))) as client:
        assert client.get("/health").status_code == status
        assert client.get("/version").status_code == 200


def test_a_release_healthy_only_inside_answers_its_own_container(settings: Settings) -> None:
    app = create_app(replace(settings, fault=Fault.PROXY_500))
    with TestClient(app, client=("127.0.0.1", 50000)) as client:
        assert client.get("/health").status_code == 200


def test_a_release_built_to_crash_does_not_start(settings: Settings) -> None:
    with pytest.raises(SystemExit):
        create_app(replace(settings, fault=Fault.CRASH))
