"""`quarterdeck push`: code, configuration and parameters, and the release that they make together."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarterdeck.build import build, sbom
from quarterdeck.commands import gates, source
from quarterdeck.commands.connection import add_platform, connected
from quarterdeck.commands.groups import Commands
from quarterdeck.commands.local import digest, signed
from quarterdeck.commands.project import add_folder, bot_name, read_json, read_yaml
from quarterdeck.commands.register import CONFIG
from quarterdeck.commands.screen import Screen
from quarterdeck.commands.waiting import add_timeout

if TYPE_CHECKING:
    from quarterdeck.client import Client

PARAMETERS = "parameters.yaml"


def add(commands: Commands) -> None:
    """push."""
    command = commands.add(
        "push",
        "build, sign and push code, configuration and parameters, and make the release",
        _push,
        example="quarterdeck push --key key.pem --wait",
    )
    add_folder(command)
    command.add_argument("--key", type=Path, required=True, help="the signing key; the desk must trust it")
    command.add_argument("--artifact", type=Path, help="push this build instead of building the folder")
    command.add_argument("--config", type=Path, help=f"the configuration ({CONFIG})")
    command.add_argument("--parameters", type=Path, help=f"the parameters ({PARAMETERS})")
    command.add_argument("--git-sha", help="the commit; else what CI says, else the folder's HEAD, all committed")
    command.add_argument("--provenance", type=Path, help="what `quarterdeck build --attest-key` wrote; live needs it")
    command.add_argument("--sbom", type=Path, help="CycloneDX JSON; else it is made from requirements.lock")
    command.add_argument("--reason", default="", help="why; goes into the audit record")
    command.add_argument("--wait", action="store_true", help="run the gates of paper too, and wait for them")
    add_timeout(command, minutes=15)
    add_platform(command)


def _push(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    git_sha = options.git_sha or source.commit(options.folder)
    config = read_yaml(options.config or options.folder / CONFIG)
    parameters = read_yaml(options.parameters or options.folder / PARAMETERS)
    with connected(options) as client, tempfile.TemporaryDirectory() as scratch:
        artifact = options.artifact or build(options.folder, Path(scratch) / "bot.zip")
        code = _push_code(client, options, artifact, git_sha, screen)
        told = {"bot": code["bot"], "reason": options.reason}
        bundle = client.post("config-bundles/", told | {"content": config})
        screen.say(f"configuration {bundle['number']}")
        knobs = client.post("parameter-sets/", told | {"code_version": code["id"], "content": parameters})
        screen.say(f"parameters {knobs['number']}")
        parts = {"code_version": code["id"], "config_bundle": bundle["id"], "parameter_set": knobs["id"]}
        release = client.post("releases/", told | parts)
        screen.say(f"release {release['number']}, build {release['build_id']}")
        ids = {"release": release["id"], "number": release["number"], "build_id": release["build_id"]}
        pushed = ids | {"version": code["version"], "artifact_sha256": code["artifact_sha256"]} | parts
        if options.wait:
            kinds = gates.kinds_for(client, "simulated_execution", "paper")
            pushed["gates"] = gates.ask_and_wait(client, release["id"], kinds, options.timeout_m, screen)
        return pushed


def _push_code(
    client: "Client", options: argparse.Namespace, artifact: Path, git_sha: str, screen: Screen
) -> dict[str, Any]:
    """The code version of a signed artifact; the same bytes again are the same version."""
    sha256 = digest(artifact)
    fields = {"bot": bot_name(options.folder), "git_sha": git_sha, "reason": options.reason, "artifact_sha256": sha256}
    fields |= signed(options.folder, artifact, options.key, git_sha)
    fields["sbom"] = json.dumps(read_json(options.sbom) if options.sbom else sbom(options.folder))
    if options.provenance:
        fields["provenance"] = json.dumps(read_json(options.provenance))
    with screen.progress("uploading") as progress:
        code: dict[str, Any] = client.upload("code-versions/", fields, artifact, "artifact", progress)
    screen.say(f"code {code['version']}, sha256 {sha256}")
    return code
