"""The keys of sources: one file a source below SIGNAL_KEYS_ROOT, readable by its owner alone, never in the database."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from apps.common.errors import Refused
from apps.execution.signals.rules import verification

OWNER_ONLY = 0o600
FILE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Keys:
    """What a source signs with: `current`, and while it changes over also `next`."""

    current: str
    next: str | None = None

    def __repr__(self) -> str:
        return "Keys([redacted])"

    @property
    def valid(self) -> list[str]:
        """The keys that are accepted now."""
        return [self.current] if self.next is None else [self.current, self.next]


def read(name: str) -> Keys:
    """The keys of the source. Raises Refused KEYS_MISSING, KEYS_EXPOSED, KEYS_MALFORMED."""
    try:
        with _path(name).open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise Refused("KEYS_EXPOSED", f"others can read the keys of {name}: make the file 0600 and rotate them")
            content = json.loads(file.read(FILE_BYTES_MAX))
        found = Keys(current=content["current"], next=content.get("next"))
        for key in found.valid:
            verification.key_bytes(key)
    except OSError:
        raise Refused("KEYS_MISSING", f"there are no keys of {name}: make them with `manage.py signal_key`") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("KEYS_MALFORMED", f"the keys of {name} cannot be read: make them anew") from None
    return found


def write(name: str, keys: Keys) -> None:
    """Replace the source's file at once: a reader sees the old keys or the new ones, whole."""
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "w") as file:
            os.fchmod(file.fileno(), OWNER_ONLY)
            json.dump(asdict(keys), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _path(name: str) -> Path:
    """The file of a source; its name is a slug, so it stays in the folder."""
    return Path(settings.SIGNAL_KEYS_ROOT) / f"{name}.json"
