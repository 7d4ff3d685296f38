"""What the backend is told by its environment, read once at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.faults import Fault, read_fault

SECRET_KEY_CHARS_MIN = 16
FAULT_FILE = Path(__file__).with_name("fault.txt")


class SettingsError(ValueError):
    """A variable is missing or unusable; the message names it and never its value."""


@dataclass(frozen=True)
class Settings:
    """Everything that differs between one installation and the next."""

    database_url: str
    redis_url: str
    secret_key: str
    release: str = "development"
    git_sha: str = "unknown"
    fault: Fault = Fault.NONE

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, fault_file: Path = FAULT_FILE
    ) -> "Settings":
        """Reads the settings; raises `SettingsError` for what is missing."""
        secret_key = required(environment, "SECRET_KEY")
        if len(secret_key) < SECRET_KEY_CHARS_MIN:
            raise SettingsError(f"SECRET_KEY is shorter than {SECRET_KEY_CHARS_MIN} characters")
        return cls(
            database_url=with_driver(required(environment, "DATABASE_URL")),
            redis_url=required(environment, "REDIS_URL"),
            secret_key=secret_key,
            release=environment.get("RELEASE") or "development",
            git_sha=environment.get("GIT_SHA") or "unknown",
            fault=read_fault(environment.get("BREAK_HEALTH", ""), fault_file),
        )


def required(environment: Mapping[str, str], name: str) -> str:
    """The value of `name`, which must be there and not empty."""
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def with_driver(url: str) -> str:
    """Names the driver in a plain `postgresql://` or `postgres://` address."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in {"postgresql", "postgres"}:
        raise SettingsError("DATABASE_URL is not a postgresql:// address")
    return f"postgresql+psycopg://{rest}"
