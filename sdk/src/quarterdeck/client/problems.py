"""Problem details (RFC 9457) of the platform as a failure that a person can act on."""

import json
from typing import Any

from quarterdeck.failures import ExitCode, Failure

DETAILS_MAX = 50
_ADVICE = {
    401: "the token is missing, wrong or over: run `quarterdeck login` or set QUARTERDECK_TOKEN",
    403: "ask the desk's administrator for a token with the permission",
}


def failure_of(status: int, body: bytes) -> Failure:
    """The failure that an answer with a status of 300 or more stands for."""
    problem = _parsed(body)
    code = str(problem.get("code", ""))
    sentence = str(problem.get("detail") or problem.get("title") or f"the platform answered {status}")
    details = _details(problem.get("context"))
    if 300 <= status < 400:
        sentence = f"the address answers with a redirect ({status}): give the platform's own address"
    if status in _ADVICE:
        details.append(_ADVICE[status])
    if status >= 500 and problem.get("request_id"):
        details.append(f"request id {problem['request_id']}: the platform's log has more under it")
    return Failure(_exit_code(status), sentence, code=code, details=details[:DETAILS_MAX])


def _exit_code(status: int) -> ExitCode:
    if status in (401, 403):
        return ExitCode.NOT_ALLOWED
    return ExitCode.UNAVAILABLE if status >= 500 or status == 429 or status < 400 else ExitCode.REFUSED


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _details(context: Any) -> list[str]:
    """A line for each failure that the context lists: `failures` with places, `fields` by name, else names."""
    if not isinstance(context, dict):
        return []
    lines = [_failure_line(one) for one in context.get("failures", []) if isinstance(one, dict)]
    lines += _field_lines(context.get("fields"), "")
    simple = {name: value for name, value in context.items() if name not in ("failures", "fields")}
    return lines + [f"{name}: {_plain(value)}" for name, value in simple.items()]


def _failure_line(found: dict[str, Any]) -> str:
    line = f"line {found['line']}: " if found.get("line") else ""
    at = found.get("at") or found.get("path")
    place = f"{at}: " if at else ""
    told = found.get("problem") or found.get("message") or ""
    return f"{line}{place}{told}" + (f" ({found['fix']})" if found.get("fix") else "")


def _field_lines(found: Any, name: str) -> list[str]:
    """What a serializer said of its fields: nested mappings and lists of {message, code}."""
    if isinstance(found, dict) and "message" in found:
        return [f"{name}: {found['message']}"]
    if isinstance(found, dict):
        inside = [_field_lines(value, f"{name}.{key}".strip(".")) for key, value in found.items()]
        return [line for lines in inside for line in lines]
    if isinstance(found, list):
        return [line for value in found for line in _field_lines(value, name)]
    return []


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
