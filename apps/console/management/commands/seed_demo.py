"""`manage.py seed_demo`: fills an empty installation by driving the product's real paths."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from apps.access import selectors as access
from apps.access.models import Firm
from apps.common.clocks import wall_now
from apps.console.demo import bots, market, people
from apps.execution.models import Fill
from apps.promotions.models import Promotion
from apps.promotions.states import PromotionState
from apps.risk import services as risk

FIRST_DRILL_MIN = 30  # once there is something to look at


class Command(BaseCommand):
    """Makes demo people, markets and two trading bots; refuses where demo data is not allowed."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """`--if-empty` leaves an installation that has a firm as it is."""
        parser.add_argument("--if-empty", action="store_true")
        parser.add_argument("--wait-s", type=int, default=240, help="how long to wait for workers")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, telling each step; the workers must be running to finish it."""
        if not settings.DEMO_ALLOWED:
            raise CommandError("these settings do not allow demo data")
        self.started = time.monotonic()
        if Firm.objects.exists():
            if not options["if_empty"]:
                raise CommandError("there is a firm already: the demo needs an empty database")
        else:
            self._seed(options["wait_s"])
        for line in people.sign_ins():
            self.stdout.write(line)

    def _seed(self, wait_s: int) -> None:
        self._say("people, roles and two desks")
        buckets = people.make_tree()
        users = people.make_people()
        for desk in buckets:
            people.make_machine(desk, "ci")
            people.make_machine(desk, "bot")
        self._say(f"markets: real prices, replayed {settings.DEMO_SPEED} times as fast as they came")
        accounts = market.make_markets(buckets, users)
        bots.set_policies()
        bots.set_limits(access.firm().scope, bots.FIRM_LIMITS, users, "what the firm may have on altogether")
        asked = []
        for demo in bots.BOTS:
            self._say(f"{demo.name}: built, signed, pushed, released; its gates start")
            bot = bots.make_bot(demo, buckets[demo.desk], users)
            release = bots.push(demo, bot, users)
            asked.append((demo, bots.ask(demo, release, accounts[demo.desk], users, "first release on paper")))
        for demo, promotion in asked:
            self._await(f"{demo.name}: gates", partial(self._is, promotion, PromotionState.VOTING), wait_s)
            bots.approve(demo, promotion, users)
            self._say(f"{demo.name}: approved by {demo.owner}, a second person")
        for demo, promotion in asked:
            self._await(f"{demo.name}: applied", partial(self._is, promotion, PromotionState.APPLIED), wait_s)
        self._second_release(users, accounts)
        self._await("the first fill", Fill.objects.exists, wait_s)
        for bucket in buckets.values():
            risk.schedule_drill(
                scope=bucket.desk.scope,
                actor=people.ACTOR,
                reason="the kill switch is rehearsed every month",
                due_at=wall_now() + timedelta(minutes=FIRST_DRILL_MIN),
            )

    def _second_release(self, users: dict[str, Any], accounts: dict[str, Any]) -> None:
        """Something that waits for a person: a new parameter set of the first bot."""
        demo = bots.BOTS[0]
        bot = Promotion.objects.filter(bot__name=demo.name).select_related("bot")[0].bot
        release = bots.push(demo, bot, users, fast_bars=10, slow_bars=30)
        bots.ask(demo, release, accounts[demo.desk], users, "slower averages trade less often")
        self._say(f"{demo.name}: a second release waits for your approval (sign in as carol or alice)")

    def _is(self, promotion: Promotion, state: str) -> bool:
        promotion.refresh_from_db()
        if promotion.state in (PromotionState.REFUSED, PromotionState.EXPIRED):
            raise CommandError(f"{promotion} was {promotion.state}: {promotion.outcome}")
        return promotion.state == state

    def _await(self, what: str, is_done: Callable[[], bool], wait_s: int) -> None:
        deadline = time.monotonic() + wait_s
        while not is_done():
            if time.monotonic() > deadline:
                raise CommandError(f"{what} did not come within {wait_s} s: are the workers running?")
            time.sleep(0.2)
        self._say(what)

    def _say(self, what: str) -> None:
        self.stdout.write(f"[{time.monotonic() - self.started:5.1f} s] {what}")
        self.stdout.flush()
