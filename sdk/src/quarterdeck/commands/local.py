"""Keys, builds, what CI attests of them, and signatures: nothing here needs the platform."""

import argparse
import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from quarterdeck.build import build
from quarterdeck.commands import source
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.project import add_folder
from quarterdeck.commands.screen import Screen
from quarterdeck.failures import usage
from quarterdeck.loading import read_bot_toml


def add(commands: Commands) -> None:
    """init-key, build, sign."""
    command = commands.add("init-key", "make an Ed25519 signing key", _init_key, example="quarterdeck init-key key.pem")
    command.add_argument("path", type=Path)
    command = commands.add(
        "build", "pack a bot's folder into an artifact", _build, example="quarterdeck build . -o bot.zip"
    )
    add_folder(command)
    command.add_argument("-o", "--output", type=Path)
    command.add_argument(
        "--attest-key", type=Path, help="CI's key: also write <artifact>.provenance.json, signed with it"
    )
    command.add_argument("--builder-id", help="URI of the CI that builds, as the desk trusts it")
    command.add_argument("--repository", help="URI of the source; else what GitHub or GitLab says")
    command.add_argument("--ref", help="whole ref that is built; else what GitHub or GitLab says")
    command.add_argument("--git-sha", help="the commit; else what CI says, else the folder's HEAD, all committed")
    command = commands.add(
        "sign",
        "sign an artifact",
        _sign,
        example='quarterdeck sign . bot.zip --key key.pem --git-sha "$(git rev-parse HEAD)"',
    )
    command.add_argument("folder", type=Path, help="the bot's folder: name and version come from its bot.toml")
    command.add_argument("artifact", type=Path)
    command.add_argument("--key", type=Path, required=True)
    command.add_argument("--git-sha", required=True)


def signed(folder: Path, artifact: Path, key: Path, git_sha: str) -> dict[str, str]:
    """The key's name and its signature over the artifact's statement."""
    from quarterdeck.sign import SigningKey, sign

    described = read_bot_toml(folder)
    return sign(
        SigningKey.from_pem(key.read_bytes()),
        artifact_sha256=digest(artifact),
        name=described["name"],
        version=described["version"],
        git_sha=git_sha,
    )


def digest(path: Path) -> str:
    """The SHA-256 of a file in hex, read piece by piece."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _init_key(options: argparse.Namespace, screen: Screen) -> dict[str, str]:
    from quarterdeck.sign import SigningKey

    key = SigningKey.generate()
    descriptor = os.open(options.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(key.to_pem())
    public = key.public_bytes
    return {
        "key_id": key.key_id,
        "public_key": base64.b64encode(public).decode(),
        "public_key_hex": public.hex(),
        "path": str(options.path),
    }


def _build(options: argparse.Namespace, screen: Screen) -> dict[str, str]:
    started_at = datetime.now(UTC)
    path = build(options.folder, options.output)
    made = {"path": str(path), "sha256": digest(path)}
    if options.attest_key:
        made["provenance"] = str(_attest(options, path, made["sha256"], started_at))
    return made


def _attest(options: argparse.Namespace, artifact: Path, sha256: str, started_at: datetime) -> Path:
    """Write the signed provenance of a build that has just ended beside it. Failure (usage) without a builder."""
    from quarterdeck.sign import SigningKey, attest, provenance

    if not options.builder_id:
        raise usage("say --builder-id: the URI under which the desk trusts this CI")
    statement = provenance(
        artifact_name=artifact.name,
        artifact_sha256=sha256,
        builder_id=options.builder_id,
        source_repository=options.repository or source.repository(),
        ref=options.ref or source.ref(),
        git_sha=options.git_sha or source.commit(options.folder),
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )
    envelope = attest(SigningKey.from_pem(options.attest_key.read_bytes()), statement)
    path = artifact.with_name(f"{artifact.name}.provenance.json")
    path.write_text(json.dumps(envelope), encoding="utf-8")
    return path


def _sign(options: argparse.Namespace, screen: Screen) -> dict[str, str]:
    return signed(options.folder, options.artifact, options.key, options.git_sha)
