"""Keys, builds and signatures: nothing here needs the platform."""

import argparse
import base64
import hashlib
import os
from pathlib import Path

from quarterdeck.build import build
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.project import add_folder
from quarterdeck.commands.screen import Screen
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
    path = build(options.folder, options.output)
    return {"path": str(path), "sha256": digest(path)}


def _sign(options: argparse.Namespace, screen: Screen) -> dict[str, str]:
    return signed(options.folder, options.artifact, options.key, options.git_sha)
