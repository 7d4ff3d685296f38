"""The application on the real PostgreSQL and Redis that `DATABASE_URL` and `REDIS_URL` name.

Both are emptied before each test that uses them: give these tests services of their own.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from app.application import create_app
from app.database import Base
from app.faults import Fault
from app.settings import Settings, with_driver


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Settings as the environment has them; never with a fault, which only a release has."""
    return Settings(
        database_url=with_driver(os.environ["DATABASE_URL"]),
        redis_url=os.environ["REDIS_URL"],
        secret_key="a key for tests only",
        release="test-release",
        git_sha="0123abc",
        fault=Fault.NONE,
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of an application whose database and cache are empty."""
    app = create_app(settings)
    Base.metadata.drop_all(app.state.database.engine)
    app.state.cache.client.flushdb()
    with TestClient(app) as client:
        yield client


@pytest.fixture
def client_without_database(settings: Settings) -> Iterator[TestClient]:
    """A client of an application whose database does not answer."""
    away = replace(settings, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    with TestClient(create_app(away)) as client:
        yield client


@pytest.fixture
def client_without_cache(settings: Settings) -> Iterator[TestClient]:
    """A client of an application whose Redis does not answer."""
    app = create_app(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    Base.metadata.drop_all(app.state.database.engine)
    with TestClient(app) as client:
        yield client
