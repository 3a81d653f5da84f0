"""Signal sources: asking for an activation, its refusals, and the state of the keys."""

import pytest

from apps.execution.signals import services as signals
from apps.execution.signals.models import SignalSource
from tests.api.world import ARRANGE


@pytest.fixture(autouse=True)
def keys_root(tmp_path, settings):
    """The folder of keys, the test's own."""
    settings.SIGNAL_KEYS_ROOT = tmp_path / "keys"
    return settings.SIGNAL_KEYS_ROOT


@pytest.fixture
def source(world):
    return world.own.signal_source


def page(client):
    return client.get("/signals/").content.decode()


def ask(client, source):
    values = {"form": f"ask-{source.pk}", "reason": "the desk sends its entries"}
    return client.post(f"/signals/{source.pk}/activate/", values)


def now(source):
    return SignalSource.objects.select_related("consent").get(pk=source.pk)


def test_an_activation_is_asked_for_and_a_second_person_is_called(world, signed_in, source):
    signals.make_keys(source=source, **ARRANGE)
    client = signed_in(world.own.people["administrator"])
    assert "Ask to activate…" in page(client)

    assert ask(client, source).status_code == 302

    row = now(source)
    assert (row.is_active, row.consent.state, row.consent.reason) == (False, "open", "the desk sends its entries")
    text = page(client)
    assert "Ask to activate…" not in text
    assert "to agree" in text


def test_a_refusal_is_told_beside_the_form_and_what_was_typed_is_kept(world, signed_in, source):
    response = ask(signed_in(world.own.people["administrator"]), source)

    text = response.content.decode()
    assert response.status_code == 409
    assert "KEYS_MISSING" in text
    assert "the desk sends its entries" in text
    assert now(source).consent is None


def test_asking_needs_the_permission(world, signed_in, source):
    signals.make_keys(source=source, **ARRANGE)
    client = signed_in(world.own.people["trader"])
    assert "Ask to activate…" not in page(client)

    assert ask(client, source).status_code == 403
    assert now(source).consent is None


def test_a_reason_is_needed(world, signed_in, source):
    signals.make_keys(source=source, **ARRANGE)
    response = signed_in(world.own.people["administrator"]).post(f"/signals/{source.pk}/activate/", {"form": "x"})

    assert response.status_code == 422
    assert now(source).consent is None


def test_sources_of_another_desk_do_not_exist(world, signed_in):
    response = ask(signed_in(world.own.people["administrator"]), world.other.signal_source)

    assert response.status_code == 404
    assert now(world.other.signal_source).consent is None


def test_the_page_says_how_many_keys_are_valid_and_shows_none(world, signed_in, source):
    client = signed_in(world.own.people["trader"])
    assert "there are no keys of own-source" in page(client)

    first = signals.make_keys(source=source, **ARRANGE)
    assert "one valid" in page(client)

    second = signals.rotate_keys(source=source, **ARRANGE)
    text = page(client)
    assert "2 valid: changing over" in text
    assert first not in text
    assert second not in text

    signals.finish_rotation(source=source, **ARRANGE)
    assert "one valid" in page(client)


def test_keys_that_others_can_read_are_called_out(world, signed_in, source, keys_root):
    signals.make_keys(source=source, **ARRANGE)
    (keys_root / "own-source.json").chmod(0o644)

    assert "others can read the keys of own-source" in page(signed_in(world.own.people["trader"]))
