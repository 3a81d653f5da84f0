"""Safeguards around the owners of bots: who they are, who gives a bot away, and nothing starts without them."""

from tests.mutation.safeguard import Safeguard

OWNERS = "apps/bots/services/owners.py"
DEPLOYMENTS = "apps/deployments/services.py"
GIVEN = "tests/bots/test_hand_over.py::"
LEFT = "tests/bots/test_owners_left.py::"
STARTED = "tests/deployments/test_owners_left.py::"

SAFEGUARDS = (
    Safeguard(
        "starts-need-owners",
        "Nothing is deployed of a bot that has lost an owner.",
        DEPLOYMENTS,
        "        bots.require_owners(promotion.bot)\n",
        "",
        (
            f"{STARTED}test_a_bot_without_an_owner_is_not_started_with_another_build",
            f"{LEFT}test_what_was_approved_before_an_owner_left_is_not_applied",
        ),
    ),
    Safeguard(
        "resuming-needs-owners",
        "A bot that has lost an owner stays paused.",
        DEPLOYMENTS,
        "        bots.require_owners(row.bot)\n",
        "",
        (f"{STARTED}test_a_bot_without_an_owner_is_not_resumed",),
    ),
    Safeguard(
        "attaching-needs-owners",
        "A bot that runs elsewhere does not attach after it has lost an owner.",
        "apps/execution/services/sessions.py",
        "            bots.require_owners(row.bot)\n",
        "            pass\n",
        (f"{STARTED}test_a_bot_that_runs_elsewhere_does_not_attach_without_an_owner",),
    ),
    Safeguard(
        "back-without-owners",
        "A bot that runs elsewhere and comes back has its way out, whoever left.",
        "apps/execution/services/sessions.py",
        "        if not BotSession.objects.filter(deployment=row, epoch=row.epoch).exists():\n",
        "        if True:\n",
        (f"{STARTED}test_a_bot_that_runs_elsewhere_comes_back_without_an_owner",),
    ),
    Safeguard(
        "promoting-needs-owners",
        "Nothing is asked to be promoted of a bot that has lost an owner.",
        "apps/promotions/services.py",
        "            bots.require_owners(release.bot)\n",
        "",
        (f"{LEFT}test_nothing_of_a_bot_without_an_owner_is_asked_to_be_promoted",),
    ),
    Safeguard(
        "owners-stay-for-a-start",
        "Nobody is deactivated between the look at the owners and the start.",
        OWNERS,
        '.order_by("pk").select_for_update(no_key=True)\n    return {user',
        '.order_by("pk")\n    return {user',
        (
            f"{STARTED}test_a_start_waits_for_an_owner_who_is_just_leaving",
            f"{STARTED}test_nobody_leaves_while_a_bot_of_theirs_starts",
            f"{GIVEN}test_who_is_just_being_deactivated_becomes_no_owner",
        ),
    ),
    Safeguard(
        "bots-are-given-by-few",
        "Only a bot's owners, and whoever administers it, give it to others.",
        "apps/bots/selectors.py",
        "    return user.pk in (bot.owner_id, bot.fallback_owner_id) or",
        "    return True or",
        (
            f"{GIVEN}test_who_neither_owns_nor_administers_it_gives_nothing",
            f"{GIVEN}test_one_bot_that_is_not_theirs_to_give_keeps_all",
        ),
    ),
    Safeguard(
        "former-owners-give-nothing",
        "Who has given a bot away meanwhile does not give it away again.",
        OWNERS,
        "        if isinstance(actor, User):\n",
        "        if False:\n",
        (f"{GIVEN}test_a_former_owner_gives_nothing_any_more",),
    ),
    Safeguard(
        "owners-are-two-active-people",
        "A bot is owned and backed by two different active people.",
        OWNERS,
        "    if owner.pk == fallback_owner.pk or not people_now:\n",
        "    if False:\n",
        (f"{GIVEN}test_owners_are_two_different_active_people",),
    ),
    Safeguard(
        "owners-see-their-bot",
        "Nobody owns a bot that they may not see.",
        OWNERS,
        "    if blind := [str(user) for user in pair if not access.may(user, Permission.VIEW, scope)]:\n",
        "    if blind := []:\n",
        (f"{GIVEN}test_an_owner_may_see_the_bot", f"{GIVEN}test_one_bot_that_cannot_go_keeps_all"),
    ),
    Safeguard(
        "both-successors-are-checked",
        "Whom a hand-over of all bots names is active and may see them, needed or not.",
        OWNERS,
        "            check_owners(row.scope, *named)\n",
        "            pass\n",
        (f"{GIVEN}test_a_successor_whom_no_bot_needs_is_checked_too",),
    ),
    Safeguard(
        "leavers-bots-within-reach",
        "Of a leaver's bots those of other desks are out of reach.",
        OWNERS,
        'access.within(selectors.of_person(person), actor, "scope").select_related',
        "selectors.of_person(person).select_related",
        (f"{GIVEN}test_bots_out_of_reach_stay_whose_they_are",),
    ),
    Safeguard(
        "leavers-bots-are-named-as-they-are",
        "The alert names the bots that want an owner now, not those of the day it was raised.",
        OWNERS,
        ' and alert.detail["bots"] == left[alert.scope_id][1]',
        "",
        (
            f"{LEFT}test_the_alert_ends_with_the_last_bot_handed_over",
            f"{LEFT}test_the_alert_names_a_bot_that_the_leaver_backs_since_it_was_raised",
        ),
    ),
    Safeguard(
        "leavers-are-told",
        "Somebody is told of every bot whose owner has left.",
        OWNERS,
        "    left = {} if person.is_active else _left_by_desk(person)\n",
        "    left: dict[UUID, tuple[Scope, list[str]]] = {}\n",
        (
            f"{LEFT}test_an_owner_who_leaves_is_told_once_with_their_bots",
            f"{LEFT}test_an_alert_resolved_by_hand_comes_again_while_the_bot_has_no_owner",
        ),
    ),
)
