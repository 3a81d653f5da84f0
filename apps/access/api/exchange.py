"""Token exchange over HTTP (RFC 8693): forms in, a short token or a problem with the RFC's error fields out."""

from typing import Any
from urllib.parse import parse_qsl

import structlog
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access import services
from apps.access.authentication import caller_address
from apps.access.services.keysets import Unbelievable
from apps.access.states import Permission
from apps.common.api import problems
from apps.common.api.parsers import TooLarge
from apps.common.api.schema import PROBLEM, ProblemAutoSchema
from apps.common.clocks import wall_now
from apps.common.errors import DomainError, Forbidden, TooMany, Unavailable

log = structlog.get_logger(__name__)
BODY_BYTES_MAX = 32_768
FIELDS_MAX = 20
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
SUBJECT_TYPES = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")
RETRY_S = {429: "60", 503: "5"}
EXAMPLE = OpenApiExample(
    "A CI job",
    request_only=True,
    media_type="application/x-www-form-urlencoded",
    value={
        "grant_type": GRANT,
        "subject_token": "<the OIDC token of the job>",
        "subject_token_type": SUBJECT_TYPES[0],
        "audience": "quarterdeck",
    },
)


class ExchangeAsked(serializers.Serializer):
    """The form of RFC 8693 section 2.1, as far as it is served."""

    grant_type = serializers.ChoiceField([GRANT])
    subject_token = serializers.CharField(help_text="The workload's OIDC token, a signed JWT.")
    subject_token_type = serializers.ChoiceField(SUBJECT_TYPES)
    audience = serializers.CharField(required=False, help_text="The audience of the trust; another one is refused.")
    requested_token_type = serializers.CharField(required=False, help_text=f"Nothing, or {ACCESS_TOKEN}.")


class ExchangeAnswer(serializers.Serializer):
    """The answer of RFC 8693 section 2.2.1."""

    access_token = serializers.CharField(help_text="The bearer token; shown this once and not kept.")
    issued_token_type = serializers.CharField(help_text=f"Always {ACCESS_TOKEN}.")
    token_type = serializers.CharField(help_text="Always Bearer.")
    expires_in = serializers.IntegerField(help_text="Seconds.")
    scope = serializers.CharField(help_text="What it may do at most, apart by spaces.")


EXCHANGE_PROBLEM = inline_serializer(
    name="ExchangeProblem",
    fields=dict(PROBLEM.fields)
    | {
        "error": serializers.CharField(help_text="As RFC 6749 section 5.2 and RFC 8693 section 2.2.2 name it."),
        "error_description": serializers.CharField(help_text="The detail again."),
    },
)


class ExchangeSchema(ProblemAutoSchema):
    """No Idempotency-Key: a subject token counts once, and the answer is a secret that is not kept."""

    def get_override_parameters(self) -> list[Any]:
        """None."""
        return []


class FormParser(BaseParser):
    """A form up to BODY_BYTES_MAX in which no name occurs twice (RFC 6749 section 3.2)."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, str]:
        """Its fields. Raises TooLarge (413), ParseError."""
        raw: bytes = stream.read(BODY_BYTES_MAX + 1)
        if len(raw) > BODY_BYTES_MAX:
            raise TooLarge(f"the body may have at most {BODY_BYTES_MAX} bytes")
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
        except ValueError:
            raise exceptions.ParseError("this is no form of printable fields") from None
        found = dict(pairs)
        if len(found) != len(pairs):
            raise exceptions.ParseError("a field occurs twice")
        return found


class ExchangeView(APIView):
    """Where workloads come for their token."""

    authentication_classes: Any = []
    permission_classes: Any = [AllowAny]
    parser_classes: Any = [FormParser]
    schema = ExchangeSchema()

    @extend_schema(
        operation_id="token_exchange",
        request={"application/x-www-form-urlencoded": ExchangeAsked},
        responses={
            200: ExchangeAnswer,
            **{
                (code, problems.MEDIA_TYPE): OpenApiResponse(EXCHANGE_PROBLEM, description=text)
                for code, text in {
                    400: "Not believed, or not asked as RFC 8693 asks",
                    403: "Not from this address",
                    429: "More than may be asked in a minute",
                    503: "The issuer's keys cannot be had now",
                }.items()
            },
        },
        examples=[EXAMPLE],
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Exchange a workload's OIDC token for a token of its service account, which lives at most 15 minutes.

        Issuer, audience, subject and claims must be exactly those of a registered trust. A token counts once.
        """
        asked = _asked(request.data)
        token, text = services.exchange(
            subject_token=asked["subject_token"],
            audience=asked.get("audience", ""),
            address=caller_address(request.META),
        )
        answer = {
            "access_token": text,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": int((token.expires_at - wall_now()).total_seconds()),
            "scope": " ".join(Permission(value).value for value in token.permissions),
        }
        return Response(answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})

    def handle_exception(self, exc: Exception) -> Response:
        """A problem that OAuth clients understand too."""
        response = super().handle_exception(exc)
        if isinstance(exc, DomainError | exceptions.ParseError) and isinstance(response.data, dict):
            response.data |= {"error": _error_of(exc), "error_description": response.data["detail"]}
            log.warning("exchange.refused", code=response.data["code"], address=caller_address(self.request.META))
        if response.status_code in RETRY_S:
            response["Retry-After"] = RETRY_S[response.status_code]
        response["Cache-Control"] = "no-store"
        return response


def _asked(form: Any) -> dict[str, str]:
    """The form, when it asks for what is served. Raises Unbelievable EXCHANGE_UNSUPPORTED, EXCHANGE_MALFORMED."""
    if not isinstance(form, dict) or form.get("grant_type") != GRANT:
        raise Unbelievable(
            "EXCHANGE_UNSUPPORTED", f"the grant_type served here is {GRANT}", error="unsupported_grant_type"
        )
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise Unbelievable("EXCHANGE_UNSUPPORTED", f"the requested_token_type served here is {ACCESS_TOKEN}")
    unserved = sorted({"scope", "resource", "actor_token", "actor_token_type"} & set(form))
    if unserved:
        raise Unbelievable("EXCHANGE_UNSUPPORTED", f"not served here: {', '.join(unserved)}", error="invalid_target")
    if form.get("subject_token_type") not in SUBJECT_TYPES or not form.get("subject_token"):
        raise Unbelievable("EXCHANGE_MALFORMED", f"give subject_token, and as its type {' or '.join(SUBJECT_TYPES)}")
    return form


def _error_of(error: Exception) -> str:
    if isinstance(error, Unbelievable):
        return error.error
    if isinstance(error, Forbidden):
        return "unauthorized_client"
    return "temporarily_unavailable" if isinstance(error, TooMany | Unavailable) else "invalid_request"
