"""Faults that a release can be built with, to rehearse a bad deployment.

They stand for the regression that unit tests do not see: the image builds, every test passes, and
only the deployed release misbehaves. A fault is chosen by the build argument `BREAK_HEALTH`, or by
a word in `app/fault.txt` when the argument is empty.
"""

from enum import Enum
from pathlib import Path


class Fault(Enum):
    """How this release misbehaves."""

    NONE = "none"
    ANSWERS_500 = "500"
    """`/health` answers 500 to everybody: the container becomes unhealthy."""
    NEVER_HEALTHY = "never-healthy"
    """`/health` answers 503 forever, as if it waited for something: the container stays starting,
    then becomes unhealthy."""
    PROXY_500 = "proxy-500"
    """`/health` answers 500 to everybody but the container itself: the container is healthy, and
    only a smoke test from outside finds out."""
    CRASH = "crash"
    """The process exits at start."""


class UnknownFault(ValueError):
    """The word is no fault."""


def read_fault(argument: str, file: Path) -> Fault:
    """The fault that `argument` names, else the one in `file`, else none."""
    word = argument.strip()
    if not word and file.exists():
        word = file.read_text(encoding="utf-8").strip()
    try:
        return Fault(word or "none")
    except ValueError:
        known = ", ".join(fault.value for fault in Fault)
        raise UnknownFault(f"BREAK_HEALTH is none of {known}") from None


def health_status_override(fault: Fault, from_inside: bool) -> int | None:
    """The status that `/health` is made to answer, or nothing for a release that works."""
    if fault is Fault.ANSWERS_500:
        return 500
    if fault is Fault.NEVER_HEALTHY:
        return 503
    if fault is Fault.PROXY_500 and not from_inside:
        return 500
    return None
