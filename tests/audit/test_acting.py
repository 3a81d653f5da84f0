"""Who acts: inside a block, in blocks within blocks, and afterwards; and the record that goes with the act."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.access.models import Role
from apps.audit import context
from apps.audit import services as audit
from apps.audit.context import acting
from apps.audit.models import Record
from apps.common.errors import Refused
from apps.common.logs import request_id


def _role(name: str = "planted") -> Role:
    return Role.objects.create(name=name, permissions=[])


def _actor_of(role: Role) -> str:
    return str(role.history.latest("history_date").history_user_id)


def test_an_act_and_its_record_are_kept_together(db: None) -> None:
    token = request_id.set("request-0002")
    with acting("job:tests", "because"):
        role = _role()
        audit.record("role.made", role, after={"name": "planted"})
    request_id.reset(token)

    kept = Record.objects.get(act="role.made")
    assert (kept.actor, kept.reason, kept.request_id) == ("job:tests", "because", "request-0002")
    assert (kept.object_kind, kept.object_id, kept.after) == ("access.role", role.pk, {"name": "planted"})


def test_after_an_error_neither_the_act_nor_its_record_is_there(committed_db: str) -> None:
    def act() -> None:
        with acting("job:tests", "because"):
            audit.record("role.made", _role())
            raise RuntimeError("after the record")

    with pytest.raises(RuntimeError, match="after the record"):
        act()

    assert not Role.objects.exists()
    assert not Role.history.exists()
    assert not Record.objects.exists()


def test_a_record_that_cannot_be_written_takes_the_act_with_it(committed_db: str) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"), acting("job:tests", "because"):
        audit.record("role.made", _role(), after={"what": object()})

    assert not Role.objects.exists()


def test_a_record_outside_a_block_is_refused(db: None) -> None:
    with acting("job:tests", "arrange"):
        role = _role()

    with pytest.raises(Refused) as caught:
        audit.record("role.renamed", role)

    assert caught.value.code == "AUDIT_WITHOUT_ACTOR"
    assert not Record.objects.exists()


def test_a_block_within_a_block_acts_in_its_own_name(db: None) -> None:
    with acting("job:outer", "outer"):
        before = _role("before")
        with acting("job:inner", "inner"):
            within = _role("within")
        after = _role("after")

    assert [_actor_of(role) for role in (before, within, after)] == ["job:outer", "job:inner", "job:outer"]


def test_an_inner_block_that_fails_gives_the_name_back(db: None) -> None:
    with acting("job:outer", "outer"):
        with pytest.raises(RuntimeError), acting("job:inner", "inner"):
            raise RuntimeError
        after = _role("after")

    assert _actor_of(after) == "job:outer"


def test_after_the_block_the_enclosing_transaction_is_nobodys(db: None) -> None:
    with acting("job:tests", "because"):
        _role("within")

    with pytest.raises(DatabaseError, match="without an actor"), transaction.atomic():
        _role("after")

    assert context.current() is None
    assert not Role.objects.filter(name="after").exists()


def test_the_next_transaction_of_the_connection_is_nobodys(committed_db: str) -> None:
    with acting("job:tests", "because"):
        _role("within")

    with pytest.raises(DatabaseError, match="without an actor"):
        _role("after")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('quarterdeck.actor', true)")
        assert cursor.fetchone() in [("",), (None,)]
