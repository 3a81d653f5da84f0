"""Where a build comes from: the commit, the repository and the ref, as CI or git says it."""

import os
import subprocess
from pathlib import Path

from quarterdeck.failures import usage

# What GitHub and GitLab say of the commit that they build.
_CI_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")


def commit(folder: Path) -> str:
    """The commit that the folder stands at. Raises Failure (usage) when what is built is in no commit."""
    for name in _CI_COMMITS:
        if os.environ.get(name):
            return os.environ[name]
    changed = _git(folder, "status", "--porcelain", "--", ".")
    if changed is None:
        raise usage("the folder is in no git repository: commit it, or say --git-sha")
    if changed:
        raise usage(f"commit these first, or say --git-sha: {', '.join(line[3:] for line in changed.splitlines())}")
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        raise usage("the repository has no commit yet")
    return head


def repository() -> str:
    """The URI of the repository that CI builds. Raises Failure (usage) outside of GitHub and GitLab."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    found = f"{server}/{name}" if server and name else os.environ.get("CI_PROJECT_URL", "")
    if not found:
        raise usage("CI does not say which repository it builds: say --repository")
    return found


def ref() -> str:
    """The whole ref that CI builds, refs/heads/main. Raises Failure (usage) outside of GitHub and GitLab."""
    if os.environ.get("GITHUB_REF"):
        return os.environ["GITHUB_REF"]
    for kind, name in (("tags", "CI_COMMIT_TAG"), ("heads", "CI_COMMIT_BRANCH")):
        if os.environ.get(name):
            return f"refs/{kind}/{os.environ[name]}"
    raise usage("CI does not say which ref it builds: say --ref")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, or None when it cannot."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.rstrip() if done.returncode == 0 else None
