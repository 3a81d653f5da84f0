"""Demo people, their roles and their one password."""

from dataclasses import dataclass

from apps.access import services as access
from apps.access.models import Desk, RiskBucket, Scope, User
from apps.access.states import Permission

PASSWORD = "quarterdeck-demo"
ACTOR = "job:seed"
REASON = "demo data"


@dataclass(frozen=True, slots=True)
class Person:
    """A demo person: sign-in name, shown name, role, and the desk it holds on (empty: the whole firm)."""

    username: str
    name: str
    role: str
    desk: str = ""


PEOPLE = (
    Person("erin", "Erin Engineer", "engineer", "Crypto"),
    Person("alice", "Alice Trader", "trader", "Crypto"),
    Person("carol", "Carol Trader", "trader", "Crypto"),
    Person("fay", "Fay Engineer", "engineer", "FX"),
    Person("bob", "Bob Trader", "trader", "FX"),
    Person("rita", "Rita Risk", "risk owner"),
    Person("raj", "Raj Risk", "risk owner"),
    Person("omar", "Omar Operator", "operator"),
    Person("aude", "Aude Auditor", "auditor"),
    Person("adam", "Adam Administrator", "administrator"),
)


def make_tree() -> dict[str, RiskBucket]:
    """The firm, two desks, and one bucket each, by desk name."""
    access.make_firm(name="Meridian Capital", base_currency="USD", actor=ACTOR, reason=REASON)
    buckets = {}
    for desk_name, bucket_name in (("Crypto", "Trend"), ("FX", "Reversion")):
        desk = access.make_desk(name=desk_name, actor=ACTOR, reason=REASON)
        buckets[desk_name] = access.make_bucket(desk=desk, name=bucket_name, actor=ACTOR, reason=REASON)
    return buckets


def make_people() -> dict[str, User]:
    """Every demo person with their role, by sign-in name."""
    firm = Scope.objects.get(parent__isnull=True)
    people = {}
    for person in PEOPLE:
        user = access.make_person(
            username=person.username,
            display_name=person.name,
            password=PASSWORD,
            actor=ACTOR,
            reason=REASON,
        )
        scope = Desk.objects.get(name=person.desk).scope if person.desk else firm
        access.grant_role(user=user, role=person.role, scope=scope, actor=ACTOR, reason=REASON)
        people[person.username] = user
    return people


def make_machine(desk: str, role: str) -> User:
    """A service account of a desk with one role; an administrator makes its tokens."""
    user = access.make_service_account(
        username=f"{role}-{desk.lower()}", display_name=f"{desk} {role}", actor=ACTOR, reason=REASON
    )
    scope = Desk.objects.get(name=desk).scope
    access.grant_role(user=user, role=role, scope=scope, actor=ACTOR, reason=REASON)
    return user


def sign_ins() -> list[str]:
    """Lines for the terminal: who can sign in with what."""
    rows = [f"  {p.username:<7} {p.role:<14} {p.desk or 'whole firm'}" for p in PEOPLE]
    return ["Demo sign-ins (password for all: " + PASSWORD + ")", *rows]


MACHINE_PERMISSIONS = {
    "ci": [Permission.VIEW.value, Permission.BUILD.value],
    "bot": [Permission.VIEW.value, Permission.TRADE.value],
}
