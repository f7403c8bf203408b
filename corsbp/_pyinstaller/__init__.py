"""Hooks for PyInstaller, which finds them by the entry point `pyinstaller40`.

https://pyinstaller.org/en/stable/hooks.html#provide-hooks-with-package
"""

from __future__ import annotations

from pathlib import Path


def hook_folders() -> list[str]:
    """Return the folder with the hooks: each file is named after the package that it is for."""
    return [str(Path(__file__).parent)]
