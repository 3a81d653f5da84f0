"""An account's keys to its venue: files that only we can read, never rows, settings, logs or tasks."""

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.common.errors import Refused
from apps.venues.models import Account

PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
KNOWN = {"mode", "key", "secret"}


@dataclass(frozen=True, slots=True)
class VenueKeys:
    """What opens an account at its venue; never shown by repr. `extra` holds e.g. a pass phrase."""

    mode: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    extra: Mapping[str, str] = field(repr=False, default_factory=dict)

    def redact(self, text: str) -> str:
        """`text` without any of the secrets in it."""
        for secret in (self.key, self.secret, *self.extra.values()):
            text = text.replace(secret, "[redacted]") if secret else text
        return text

    def cleaned(self, answer: Any) -> Any:
        """A parsed answer without any of the secrets in it; exact numbers become texts."""
        if isinstance(answer, Mapping):
            return {self.redact(str(name)): self.cleaned(value) for name, value in answer.items()}
        if isinstance(answer, list | tuple):
            return [self.cleaned(value) for value in answer]
        text = self.redact(str(answer))
        is_plain = answer is None or isinstance(answer, bool | int | float)
        return answer if is_plain and text == str(answer) else text


def keys_for(account: Account) -> VenueKeys:
    """The keys in settings.VENUE_KEYS_ROOT/<account name>.json, which must be for the account's own mode.

    Raises Refused KEYS_MISSING, KEYS_EXPOSED (others may read the file), KEYS_MALFORMED, MODE_MISMATCH.
    """
    content = _content(_read(account.name), account.name)
    if not content["mode"] == account.mode == account.venue.mode:
        raise Refused("MODE_MISMATCH", f"the keys of {account} are not for the mode of the account and its venue")
    extra = {name: text for name, text in content.items() if name not in KNOWN}
    return VenueKeys(content["mode"], content["key"], content["secret"], extra)


def _read(name: str) -> bytes:
    missing = Refused("KEYS_MISSING", f"there are no venue keys for {name}")
    if not PLAIN_NAME.fullmatch(name):
        raise missing
    try:
        found = os.open(Path(settings.VENUE_KEYS_ROOT) / f"{name}.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise missing from None
    with open(found, "rb") as file:
        # The opened file is judged, not its name, so that it cannot be swapped in between.
        mode = os.fstat(found).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise Refused("KEYS_EXPOSED", f"the venue keys of {name} must be a file that only its owner can read: 0600")
        return file.read()


def _content(text: bytes, name: str) -> dict[str, str]:
    """The parsed file; the parser's own error quotes the file and goes nowhere."""
    try:
        content: Any = json.loads(text)
    except ValueError:
        content = None
    is_whole = isinstance(content, dict) and all(content.get(field_name) for field_name in KNOWN)
    if not is_whole or not all(isinstance(value, str) for value in content.values()):
        raise Refused("KEYS_MALFORMED", f"the venue keys of {name} must be a JSON object of texts: mode, key, secret")
    return dict(content)
