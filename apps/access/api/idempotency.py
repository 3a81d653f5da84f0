"""The Idempotency-Key of every unsafe call."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access import idempotency
from apps.access.idempotency import Answer
from apps.access.models import User
from apps.common.api import problems
from apps.common.errors import DomainError, Invalid, Refused

SAFE = {"GET", "HEAD", "OPTIONS"}
# These say who may ask, which can change; they are asked again.
NOT_KEPT = {401, 403, 404, 413, 429}


class SecretShown(Response):
    """An answer with a secret: it is not stored, a replay learns the object's id only."""

    def __init__(self, data: Any, *, object_id: UUID, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        refusal = Refused("SECRET_SHOWN_ONCE", "the secret was shown once and is not kept", id=str(object_id))
        self.replay = Answer(409, _plain(problems.problem(refusal).data))


class Idempotent:
    """Runs each unsafe call at most once per caller and key, and answers repeats from storage."""

    key_required_for: frozenset[str] = frozenset()
    # Acts that ask a venue or must commit by themselves, such as a hold, whose latch is its commit.
    commits_itself: frozenset[str] = frozenset()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication, put the guard around the handler that is about to run."""
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        name = str(request.method).lower()
        if request.method not in SAFE and hasattr(self, name):
            setattr(self, name, self._guarded(getattr(self, name)))

    @property
    def _action(self) -> str:
        return getattr(self, "action", None) or ""

    def _guarded(self, handler: Callable[..., Response]) -> Callable[..., Response]:
        def call(request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get("Idempotency-Key", "")
            if not key and self._action in self.key_required_for:
                raise Invalid("IDEMPOTENCY_KEY_REQUIRED", "this call needs an Idempotency-Key header")
            if not key:
                return handler(request, *args, **kwargs)
            return self._once(idempotency.check_key(key), request, lambda: handler(request, *args, **kwargs))

        return call

    def _once(self, key: str, request: Request, handle: Callable[[], Response]) -> Response:
        first: list[Response] = []

        def execute() -> Answer:
            first.append(self._handled(handle))
            return _answer(first[0])

        run = idempotency.once_outside if self._action in self.commits_itself else idempotency.once
        answer, is_replay = run(cast(User, request.user), key, _digest(request), execute)
        return _replayed(answer) if is_replay else first[0]

    def _handled(self, handle: Callable[[], Response]) -> Response:
        """The handler's answer; a refusal is an answer too, anything else rolls everything back."""
        try:
            return handle()
        except (DomainError, Http404, exceptions.APIException) as error:
            answer = problems.handle(error, {})
            if answer.status_code >= 500:
                raise
            return answer


def _answer(response: Response) -> Answer:
    if isinstance(response, SecretShown):
        return response.replay
    return Answer(response.status_code, _plain(response.data), is_kept=response.status_code not in NOT_KEPT)


def _replayed(answer: Answer) -> Response:
    kind = problems.MEDIA_TYPE if answer.status >= 400 else None
    return Response(answer.body, answer.status, headers={"Idempotency-Replayed": "true"}, content_type=kind)


def _plain(data: Any) -> Any:
    return json.loads(JSONRenderer().render(data)) if data is not None else None


def _digest(request: Request) -> str:
    data = request.data
    if hasattr(data, "lists"):
        data = {name: [_part(value) for value in values] for name, values in data.lists()}
    return idempotency.digest_of(request.method, request.path, data)


def _part(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    sha256 = hashlib.sha256()
    for chunk in value.chunks():
        sha256.update(chunk)
    value.seek(0)
    return [value.name, sha256.hexdigest()]
