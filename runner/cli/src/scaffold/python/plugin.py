"""Fails when a file has too few lines."""

from typing import Optional
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.exports import step
from wit_world.imports import base, inputs, log, outgoing_handler, outputs, wasi_http_types as http


class Step(exports.Step):
    """What the host calls."""

    def run(self) -> step.Outcome:
        """The step."""
        file, minimum, url = given("file"), given("minimum", 1), given("tell")
        with open(f"/workspace/{file}", encoding="utf-8") as opened:
            lines = len(opened.read().splitlines())
        outputs.set("lines", base.Value_Integer(lines))
        if url:
            tell(url)
        if lines >= minimum:
            return step.Outcome_Success()
        place = log.Place(file, 1, None, None, None)
        log.annotate(log.Annotation(log.Level.ERROR, "too few lines", None, place))
        return step.Outcome_Failed(f"found {lines} lines, expected {minimum}")


def given(name: str, default=None):
    """An input's value, or what it is when it was not given."""
    value = inputs.get(name)
    return default if value is None else value.value


def tell(url: str) -> None:
    """Tells the count. It is worth telling and not worth failing for: a denied call is a warning."""
    status, problem = post(url)
    if problem:
        log.emit(log.Level.WARNING, f"not told: {url}: {problem}")
    else:
        log.emit(log.Level.INFO, f"told {url}: {status}")


def post(url: str) -> tuple[Optional[int], Optional[str]]:
    """The answer's status, or why there is none."""
    parts = urlsplit(url)
    request = http.OutgoingRequest(http.Fields())
    request.set_method(http.Method_Post())
    request.set_scheme(http.Scheme_Https() if parts.scheme == "https" else http.Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path or "/")
    try:
        future = outgoing_handler.handle(request, None)
    except Err as error:
        return None, problem_of(error.value)
    future.subscribe().block()
    match future.get():
        case Ok(Ok(response)):
            return response.status(), None
        case Ok(Err(code)):
            return None, problem_of(code)
    return None, "there is no answer"


def problem_of(code: http.ErrorCode) -> str:
    """What a person is told."""
    if isinstance(code, http.ErrorCode_HttpRequestDenied):
        return "it is not granted"
    return type(code).__name__.removeprefix("ErrorCode_")
