"""The commands of docs/quick-start.md, taken from the page and run as somebody would who follows it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from controlplane.supervisor.installation import ROOT

PAGE = ROOT / "docs" / "quick-start.md"
ADDRESS = "http://127.0.0.1:8000"
_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND_SECONDS_MAX = 300


def commands() -> list[str]:
    """Every line of every bash block, in the order of the page."""
    return [line for block in _BLOCK.findall(PAGE.read_text()) for line in block.splitlines() if line.strip()]


class Follower:
    """Somebody with an empty folder, a home of their own, and nothing of the test's environment."""

    def __init__(self, scratch: Path, url: str) -> None:
        self.url = url
        self.folder, self.home, self.project = scratch / "bot", scratch / "home", scratch / "project"
        self.folder.mkdir()
        self.home.mkdir()
        shutil.copytree(ROOT / "sdk", self.project / "sdk", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        (self.project / "data").symlink_to(ROOT / "data")

    def run(self, command: str, *, told: str = "") -> str:
        """What a command printed; it must succeed."""
        done = subprocess.run(
            ["bash", "-euc", self._filled(command)],
            cwd=self.folder,
            env=self.environment,
            input=told,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, command: str) -> subprocess.Popen[str]:
        """A command that waits for somebody else."""
        return subprocess.Popen(
            ["bash", "-euc", self._filled(command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _filled(self, command: str) -> str:
        """The command with the address of this product; everything else as it stands."""
        return command.replace(ADDRESS, self.url)

    @property
    def environment(self) -> dict[str, str]:
        """pip installs into a folder of its own, from what is here: a test downloads nothing."""
        installed = self.home / "installed"
        return {
            "HOME": str(self.home),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": f"{installed / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(installed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_TARGET": str(installed),
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads the variable as the option's value: isolation is off
            "QUARTERDECK": str(self.project),
            **{
                f"GIT_{who}_{what}": f"{what.lower()}@example"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
