"""The promotion page: what a voter sees, and votes that bind to exactly that."""

import pytest

from apps.access.models import Vote
from apps.audit.context import acting
from apps.bots.models import ConfigBundle
from apps.releases.models import Release
from tests.api.standing import LIMITS
from tests.api.world import DIGEST


@pytest.fixture
def voting(world):
    return world.own.voting


def vote(client, promotion, **changes):
    values = {"form": "vote", "digest": DIGEST, "verdict": "approve", "reason": "inside the plan"} | changes
    return client.post(f"/promotions/{promotion.number}/vote/", values)


def test_a_voter_sees_the_digest_the_seats_and_who_is_excluded(world, voting, signed_in):
    text = signed_in(world.own.people["trader"]).get(f"/promotions/{voting.number}/").content.decode()
    assert f'name="digest" value="{DIGEST}"' in text
    assert "Own-Trader" not in text.split("may fill it")[0].split("Trader</strong>")[-1]
    assert "you may fill it" in text
    assert "Own-Engineer is excluded: asked for it, made the release, author of the build" in text


def test_an_approval_is_kept_with_its_reason(world, voting, signed_in):
    response = vote(signed_in(world.own.people["trader"]), voting)
    assert response.status_code == 302
    kept = Vote.objects.get(consent=voting.consent)
    assert (kept.voter, kept.approve, kept.reason) == (world.own.people["trader"], True, "inside the plan")


def test_a_denial_ends_it(world, voting, signed_in):
    vote(signed_in(world.own.people["risk owner"]), voting, verdict="deny", reason="too large")
    voting.refresh_from_db()
    assert voting.state == "denied"


def test_a_vote_on_what_was_not_shown_is_refused_beside_the_form(world, voting, signed_in):
    response = vote(signed_in(world.own.people["trader"]), voting, digest="0" * 64, reason="typed with care")
    text = response.content.decode()
    assert response.status_code == 409
    assert "DIGEST_CHANGED" in text
    assert "typed with care" in text
    assert not Vote.objects.exists()


def test_requester_gets_no_form_and_cannot_vote(world, voting, signed_in):
    client = signed_in(world.own.people["engineer"])
    assert "Approve simulated" not in client.get(f"/promotions/{voting.number}/").content.decode()
    response = vote(client, voting)
    assert response.status_code == 403
    assert "VOTE_EXCLUDED" in response.content.decode()
    assert not Vote.objects.exists()


def test_a_vote_without_a_reason_is_refused(world, voting, signed_in):
    response = vote(signed_in(world.own.people["trader"]), voting, reason=" ")
    assert response.status_code == 422
    assert not Vote.objects.exists()


def test_the_address_of_an_act_leads_to_its_page(world, voting, signed_in):
    response = signed_in(world.own.people["trader"]).get(f"/promotions/{voting.number}/vote/")
    assert response["Location"] == f"/promotions/{voting.number}/"


def test_home_lists_what_the_person_may_decide(world, voting, signed_in):
    assert f"Approve P-{voting.number}" in signed_in(world.own.people["trader"]).get("/").content.decode()
    assert f"Approve P-{voting.number}" not in signed_in(world.own.people["engineer"]).get("/").content.decode()


def widen(voting, **limits):
    """Ask for a release with other limits instead."""
    bot, maker = voting.bot, voting.requested_by
    content = voting.release.config_bundle.content
    with acting("job:test", "arrange"):
        config = ConfigBundle.objects.create(
            bot=bot, number=2, digest="d" * 64, content=content | {"limits": LIMITS | limits}, pushed_by=maker
        )
        voting.release = Release.objects.create(
            bot=bot,
            number=2,
            code_version=voting.release.code_version,
            config_bundle=config,
            parameter_set=voting.release.parameter_set,
            data_model_version=1,
            build_id="8" * 64,
            made_by=maker,
        )
        voting.save(update_fields=["release"])


def test_limits_that_widen_come_first(world, voting, signed_in):
    widen(voting, position="3", order_quantity="0.5")
    text = signed_in(world.own.people["trader"]).get(f"/promotions/{voting.number}/").content.decode()
    assert text.index("1 limit widens") < text.index("What changes")
    assert text.index("+50 % widens") < text.index("−50 % tightens")


def test_nothing_widens_when_the_limits_stay(world, voting, signed_in):
    text = signed_in(world.own.people["trader"]).get(f"/promotions/{voting.number}/").content.decode()
    assert "No limit widens" in text
