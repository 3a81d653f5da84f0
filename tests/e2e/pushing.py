"""What a bot's team does: build with the SDK, sign, push over REST, make the release."""

import base64
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml
from quarterdeck.build import build_bytes
from quarterdeck.sign import SigningKey, sign

from controlplane.supervisor.installation import ROOT
from tests.e2e.clients import Caller

EXAMPLES = ROOT / "examples"


def trusted_key(administrator: Caller, desk: str) -> SigningKey:
    """A new signing key that the desk trusts."""
    key = SigningKey.generate()
    public = base64.b64encode(key.public_bytes).decode()
    body = {"desk": desk, "name": f"key {key.key_id}", "public_key": public, "reason": "build key of the team"}
    administrator.made("signers/", body)
    return key


def build_example(name: str, version: str) -> bytes:
    """The artifact of an example under another version."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        shutil.copytree(EXAMPLES / name, folder)
        described = (folder / "bot.toml").read_text()
        (folder / "bot.toml").write_text(described.replace('version = "1.0.0"', f'version = "{version}"'))
        # New code comes with a standard that says so: a gate asks for it.
        with (folder / "README.md").open("a") as standard:
            standard.write(f"\nAs of {version}.\n")
        return build_bytes(folder)


def code_fields(bot: str, artifact: bytes, version: str, key: SigningKey) -> dict[str, str]:
    """The form fields of a push, with the signature over the artifact's statement."""
    git_sha = hashlib.sha1(artifact).hexdigest()
    sha256 = hashlib.sha256(artifact).hexdigest()
    signed = sign(key, artifact_sha256=sha256, name=bot, version=version, git_sha=git_sha)
    return {"bot": bot, "git_sha": git_sha, **signed}


def push_release(
    ci: Caller,
    key: SigningKey,
    *,
    bot: str,
    example: str,
    version: str,
    limits: dict[str, str] | None = None,
    **parameters: Any,
) -> dict[str, Any]:
    """Push code, configuration and parameters of an example and make a release of them."""
    artifact = build_example(example, version)
    answer = ci.upload("code-versions/", code_fields(bot, artifact, version, key), artifact)
    assert answer.status_code == 201, answer.text
    code = answer.json()["id"]
    config = yaml.safe_load((EXAMPLES / example / "config.yaml").read_text())
    config["limits"] |= limits or {}
    bundle = ci.made("config-bundles/", {"bot": bot, "content": config})["id"]
    content = yaml.safe_load((EXAMPLES / example / "parameters.yaml").read_text()) | parameters
    knobs = ci.made("parameter-sets/", {"bot": bot, "code_version": code, "content": content})["id"]
    body = {"bot": bot, "code_version": code, "config_bundle": bundle, "parameter_set": knobs}
    return ci.made("releases/", body)
