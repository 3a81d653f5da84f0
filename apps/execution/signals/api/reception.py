"""Where messages come in: no sign-in, the message proves itself."""

from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.api.parsers import TooLarge
from apps.common.api.schema import PROBLEM, ProblemAutoSchema
from apps.common.errors import Invalid
from apps.execution.signals import services
from apps.execution.signals.api.serializers import SignalAnswer
from apps.execution.signals.rules import verification
from apps.execution.signals.rules.payload import BODY_BYTES_MAX
from apps.execution.signals.rules.verification import Headers
from apps.execution.signals.states import Outcome

BODY_EXAMPLE = OpenApiExample(
    "Go long", request_only=True, value={"action": "long", "size": "0.25", "price": "61250.5"}
)
ANSWER_EXAMPLE = OpenApiExample(
    "An order is on its way",
    response_only=True,
    status_codes=["202"],
    value={
        "id": "01980000-0000-7000-8000-000000000004",
        "outcome": "PLACED",
        "codes": [],
        "order": "01980000-0000-7000-8000-000000000005",
    },
)
HEADERS = [
    OpenApiParameter("webhook-id", str, OpenApiParameter.HEADER, description="Names the message; a retry keeps it."),
    OpenApiParameter("webhook-timestamp", str, OpenApiParameter.HEADER, description="Unix seconds, within 300 s."),
    OpenApiParameter(
        "webhook-signature", str, OpenApiParameter.HEADER, description="`v1,<base64>`; several apart by spaces."
    ),
]


class SignedSchema(ProblemAutoSchema):
    """The message's own id does what an Idempotency-Key does elsewhere."""

    def get_override_parameters(self) -> list[Any]:
        """The scheme's headers."""
        return HEADERS


class RawJSON(BaseParser):
    """The bytes as they came, up to BODY_BYTES_MAX: they are verified before anything reads them."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The bytes. Raises TooLarge (413)."""
        raw: bytes = stream.read(BODY_BYTES_MAX + 1)
        if len(raw) > BODY_BYTES_MAX:
            raise TooLarge(f"the body may have at most {BODY_BYTES_MAX} bytes")
        return raw


class ReceiveView(APIView):
    """Messages of a source."""

    authentication_classes: Any = []
    permission_classes: Any = [AllowAny]
    parser_classes: Any = [RawJSON]
    schema = SignedSchema()

    @extend_schema(
        operation_id="signals_receive",
        request=OpenApiTypes.OBJECT,
        responses={202: SignalAnswer, 429: OpenApiResponse(PROBLEM, description="More than the source may send")},
        examples=[BODY_EXAMPLE, ANSWER_EXAMPLE],
        auth=[],
    )
    def post(self, request: Request, source: str) -> Response:
        """Send a signal by the Standard Webhooks scheme, or with the secret in the body where the source says so.

        It becomes an order only after signature, time, address, replay, schema and mapping hold. The same id and
        body again gets the same answer; 202 says what became of it, a denied order included: do not retry it.
        """
        found = services.receive(name=source, delivery=_delivery(request))
        if found.outcome == Outcome.MALFORMED:
            raise Invalid(found.codes[0], "the message was verified, but is no order", id=str(found.pk), **found.detail)
        return Response(SignalAnswer(found).data, 202)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """What HTTP asks of a 401."""
        if response.status_code == 401:
            response["WWW-Authenticate"] = "StandardWebhooks"
        return super().finalize_response(request, response, *args, **kwargs)


def _delivery(request: Request) -> services.Delivery:
    trusted = verification.networks(settings.TRUSTED_PROXIES)
    return services.Delivery(
        headers=Headers(
            id=request.headers.get("webhook-id", ""),
            timestamp=request.headers.get("webhook-timestamp", ""),
            signature=request.headers.get("webhook-signature", ""),
        ),
        body=request.data if isinstance(request.data, bytes) else b"",
        address=verification.client_address(request.META, trusted),
    )
