"""The platform's REST API for programs; needs the extra `quarterdeck[cli]`, never imported inside the sandbox."""

from quarterdeck.client.rest import Client
from quarterdeck.client.settings import Settings

__all__ = ["Client", "Settings"]
