"""Settings, faults, and signed links: no services needed."""

from pathlib import Path

import pytest

from app import sharing
from app.faults import Fault, UnknownFault, health_status_override, read_fault
from app.settings import Settings, SettingsError

COMPLETE = {
    "DATABASE_URL": "postgresql://blog:x@db/blog",
    "REDIS_URL": "redis://redis:6379/0",
    "SECRET_KEY": "0123456789abcdef",
}


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    settings = Settings.from_environment(COMPLETE | {"RELEASE": "r1"}, tmp_path / "none")
    assert settings.database_url == "postgresql+psycopg://blog:x@db/blog"
    assert (settings.release, settings.git_sha) == ("r1", "unknown")
    assert settings.fault is Fault.NONE


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_missing_variable_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment(COMPLETE | {name: ""}, tmp_path / "none")


def test_a_short_key_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment(COMPLETE | {"SECRET_KEY": "hunter2"}, tmp_path / "none")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("url", ["mysql://db/blog", "db/blog", "://"])
def test_only_postgresql_addresses_are_taken(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        Settings.from_environment(COMPLETE | {"DATABASE_URL": url}, tmp_path / "none")


def test_the_build_argument_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "fault.txt"
    file.write_text("never-healthy\n", encoding="utf-8")
    assert read_fault("", file) is Fault.NEVER_HEALTHY
    assert read_fault("500", file) is Fault.ANSWERS_500
    assert read_fault("none", file) is Fault.NONE


def test_an_unknown_fault_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFault, match="never-healthy"):
        read_fault("404", tmp_path / "none")


@pytest.mark.parametrize(
    ("fault", "inside", "outside"),
    [
        (Fault.NONE, None, None),
        (Fault.ANSWERS_500, 500, 500),
        (Fault.NEVER_HEALTHY, 503, 503),
        (Fault.PROXY_500, None, 500),
    ],
)
def test_a_fault_decides_what_health_answers(fault: Fault, inside: int | None, outside: int | None) -> None:
    assert health_status_override(fault, from_inside=True) == inside
    assert health_status_override(fault, from_inside=False) == outside


def test_a_link_is_good_for_its_document_and_key_only() -> None:
    token = sharing.sign("key", 7)
    assert sharing.verify("key", token) == 7
    assert sharing.verify("other key", token) is None
    assert sharing.verify("key", token.replace("7.", "8.", 1)) is None


@pytest.mark.parametrize("token", ["", ".", "x.y", "²." + "0" * 32, "1.ü"])
def test_a_link_that_is_not_ours_stands_for_nothing(token: str) -> None:
    assert sharing.verify("key", token) is None
