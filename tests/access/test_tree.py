"""One tree of scopes; the database keeps its shape."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from apps.access import services as access
from apps.access.models import Firm, Scope
from apps.access.states import ScopeKind
from apps.audit.context import acting
from tests.access.conftest import Cast
from tests.builders import BY


def test_a_path_leads_from_the_firm_down(cast: Cast) -> None:
    scopes = [cast.firm.scope, cast.desk.scope, cast.bucket.scope]

    assert cast.bucket.scope.lineage == [scope.pk for scope in scopes]
    assert cast.bucket.scope.path.startswith(cast.desk.scope.path)


def test_there_is_one_firm(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        access.make_firm(name="Second", base_currency="EUR", **BY)

    assert Firm.objects.get() == cast.firm


def test_only_the_firm_has_no_parent(cast: Cast) -> None:
    with pytest.raises(IntegrityError), acting(**BY):
        access.make_scope(kind=ScopeKind.DESK, name="adrift", parent=None)

    assert not Scope.objects.filter(name="adrift").exists()


def test_a_scope_that_something_hangs_on_stays(cast: Cast) -> None:
    with pytest.raises(ProtectedError), acting(**BY):
        cast.desk.scope.delete()

    assert Scope.objects.filter(pk=cast.desk.scope_id).exists()
