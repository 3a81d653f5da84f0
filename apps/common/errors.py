"""The one error hierarchy; the edges turn it into RFC 9457 problem details or a page's notice."""

from typing import Any


class DomainError(Exception):
    """A refusal with a stable code, a sentence that says what to do, and context for the caller."""

    status = 400

    def __init__(self, code: str, message: str, **context: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.context = context


class Invalid(DomainError):
    """The input is malformed or outside its schema."""

    status = 422


class Refused(DomainError):
    """The input is well-formed, but a rule of the house forbids it now."""

    status = 409


class Forbidden(DomainError):
    """The caller may not do this."""

    status = 403


class NotFound(DomainError):
    """No such object within the caller's reach."""

    status = 404


class TooMany(DomainError):
    """The caller asks more often than it may in a minute; nothing was done, and it may ask again."""

    status = 429


class Unavailable(DomainError):
    """Something this needs did not answer; nothing was done."""

    status = 503
