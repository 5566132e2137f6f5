"""Build hooks: the dependencies from requirements.txt, and the app's files in the wheel.

A wheel carries `app.py`, `pages/`, `assets/` and `.streamlit/` inside `sept_core/_app`. An editable
install carries none of them: there the checkout's own files serve.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

APP_FILES = ("app.py", "pages", "assets", ".streamlit/config.toml")


class RequirementsHook(MetadataHookInterface):
    """Read the runtime dependencies from requirements.txt."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `dependencies`; see hatchling's metadata hooks."""
        lines = (Path(self.root) / "requirements.txt").read_text().splitlines()
        metadata["dependencies"] = [line for line in lines if line and not line.startswith("#")]


class AppFilesHook(BuildHookInterface):
    """Put the app's files into wheels, but not into editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to include; see hatchling's build hooks."""
        if version == "standard":
            build_data["force_include"] |= {
                str(Path(self.root) / name): f"sept_core/_app/{name}" for name in APP_FILES
            }


def get_metadata_hook() -> type[MetadataHookInterface]:
    """Return the metadata hook that hatchling looks for in this file."""
    return RequirementsHook


def get_build_hook() -> type[BuildHookInterface]:
    """Return the build hook that hatchling looks for in this file."""
    return AppFilesHook
