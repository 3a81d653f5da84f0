"""Keys of a source: made, changed over with two valid at a time, and ended."""

from apps.access.models import User
from apps.audit import services as audit
from apps.audit.context import acting
from apps.common.errors import Refused
from apps.execution.signals import keys
from apps.execution.signals.keys import Keys
from apps.execution.signals.models import SignalSource
from apps.execution.signals.rules.verification import new_key
from apps.execution.signals.services.sources import scope_of


def make_keys(*, source: SignalSource, actor: User | str, reason: str) -> str:
    """The first key, or a new one in place of lost or exposed ones, which end at once; shown now and never again.

    Raises Refused KEYS_EXIST when there are good ones: `rotate_keys` loses no message.
    """
    try:
        keys.read(source.name)
    except Refused:
        key = new_key()
        _change(source, "signal_key.made", Keys(key), actor, reason)
        return key
    raise Refused("KEYS_EXIST", f"{source.name} has keys: rotate them")


def rotate_keys(*, source: SignalSource, actor: User | str, reason: str) -> str:
    """A next key beside the current one: both are valid until `finish_rotation`; shown now and never again.

    Raises Refused ROTATION_OPEN, and KEYS_* for a file that cannot be used.
    """
    found = keys.read(source.name)
    if found.next is not None:
        raise Refused("ROTATION_OPEN", f"{source.name} changes over already: finish that first")
    key = new_key()
    _change(source, "signal_key.rotated", Keys(found.current, key), actor, reason)
    return key


def count_keys(*, source: SignalSource) -> int:
    """How many keys are valid now: one, or two while it changes over. Raises Refused KEYS_*."""
    return len(keys.read(source.name).valid)


def finish_rotation(*, source: SignalSource, actor: User | str, reason: str) -> None:
    """End the old key: only the next one is valid from now on. Raises Refused ROTATION_NOT_OPEN, KEYS_*."""
    found = keys.read(source.name)
    if found.next is None:
        raise Refused("ROTATION_NOT_OPEN", f"{source.name} has one key: there is nothing to finish")
    _change(source, "signal_key.ended", Keys(found.next), actor, reason)


def _change(source: SignalSource, act: str, changed: Keys, actor: User | str, reason: str) -> None:
    """Record it, then write the file: a failure to write leaves neither record nor new key."""
    with acting(actor, reason):
        audit.record(act, source, scope_id=scope_of(source).pk)
        keys.write(source.name, changed)
