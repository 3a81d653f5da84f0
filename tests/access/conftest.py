"""A firm with two desks and a cast: administrator, engineer, traders, risk owners, a machine."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from apps.access import services as access
from apps.access.models import Desk, Firm, RiskBucket, User, WorkloadTrust
from apps.common import clocks
from tests.builders import BY, make_user
from tests.markets.builders import Wall


@dataclass
class Cast:
    """The firm's tree and people."""

    firm: Firm
    desk: Desk
    other_desk: Desk
    bucket: RiskBucket
    administrator: User
    engineer: User
    trader: User
    second_trader: User
    risk_owner: User
    both: User
    machine: User


def make_cast() -> Cast:
    """Everybody holds on the first desk; the administrator on the firm; `both` is trader and risk owner."""
    firm = access.make_firm(name="Harbour", base_currency="USD", **BY)
    desk = access.make_desk(name="Crypto", **BY)
    people = {
        "engineer": make_user("erin", "engineer", desk.scope),
        "trader": make_user("tess", "trader", desk.scope),
        "second_trader": make_user("theo", "trader", desk.scope),
        "risk_owner": make_user("rita", "risk owner", desk.scope),
        "both": make_user("bo", "trader", desk.scope),
    }
    access.grant_role(user=people["both"], role="risk owner", scope=desk.scope, **BY)
    machine = access.make_service_account(username="robot", display_name="Robot", **BY)
    access.grant_role(user=machine, role="bot", scope=desk.scope, **BY)
    return Cast(
        firm=firm,
        desk=desk,
        other_desk=access.make_desk(name="FX", **BY),
        bucket=access.make_bucket(desk=desk, name="Trend", **BY),
        administrator=make_user("adam", "administrator", firm.scope),
        machine=machine,
        **people,
    )


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast, rolled back afterwards."""
    return make_cast()


@pytest.fixture
def committed_cast(committed_db: str) -> Cast:
    """The cast in a database of its own."""
    return make_cast()


@pytest.fixture
def wall() -> Iterator[Wall]:
    """A wall clock that the test moves."""
    hand = Wall()
    with clocks.clock(hand):
        yield hand


@pytest.fixture
def trust(cast: Cast) -> WorkloadTrust:
    """A workload that may act as the machine; its keys are pinned."""
    from tests.access.exchanges import make_trust

    return make_trust(cast)
