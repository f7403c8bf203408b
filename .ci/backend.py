"""The build backend: setuptools, with a page for package indexes, and with nothing of an earlier build.

https://peps.python.org/pep-0517/#in-tree-build-backends
"""

from __future__ import annotations

import gzip
import os
import re
import tarfile
import time
from configparser import ConfigParser
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import setuptools
from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403  # the hooks that build_sdist() does not replace

CODE = r"^```.*?^```$|(?<!`)`[^`\n]+`"
LINK = r"\[(?P<text>(?:`[^`\n]+`|[^][`])*)\]\((?P<target>[^)\s]+)\)"


def absolute_links(page: str, files: str) -> str:
    """Return the text of README.md with links to `files`, or with their text alone if that is empty."""

    def replace(match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if text is None or target.startswith("https://"):
            return match[0]
        file = "README.md" if target.startswith("#") else ""  # no index has anchors
        return f"[{text}]({files}/{file}{target})" if files else text

    return re.sub(f"{CODE}|{LINK}", replace, page, flags=re.M | re.S)


def arguments(build_base: str) -> dict[str, Any]:
    """Return the arguments of `setup()` that setup.cfg cannot have."""
    config = ConfigParser()
    config.read("setup.cfg", encoding="utf-8")
    address = config["repository"]["address"].rstrip("/")
    (version,) = re.findall(r'^__version__ = "(.+)"$', Path("corsbp/__init__.py").read_text("utf-8"), re.M)
    tag = "HEAD" if ".dev" in version else f"v{version}"  # a development version has no tag
    files = f"{address}/blob/{tag}" if address else ""
    return {
        "long_description": absolute_links(Path("README.md").read_text("utf-8"), files),
        "long_description_content_type": "text/markdown",
        "project_urls": {"Source": address, "Changelog": f"{files}/CHANGELOG.md"} if address else {},
        # a folder `build` in a clone still has the modules that were deleted since
        "options": {"build": {"build_base": build_base}, "egg_info": {"egg_base": build_base}},
    }


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Build a source distribution, the same bytes from the same files."""
    name = build_meta.build_sdist(sdist_directory, config_settings)
    path = Path(sdist_directory, name)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    with tarfile.open(path) as built:
        contents = [(member, built.extractfile(member)) for member in built if member.isfile()]
        with (
            gzip.GzipFile(path.with_suffix(".new"), "wb", mtime=epoch) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as new,
        ):
            for member, content in sorted(contents, key=lambda each: each[0].name):
                file = tarfile.TarInfo(member.name)
                file.size, file.mtime, file.mode = member.size, epoch, 0o755 if member.mode & 0o100 else 0o644
                new.addfile(file, content)
    path.with_suffix(".new").replace(path)
    return name


_build_base = TemporaryDirectory()
setuptools.setup = partial(setuptools.setup, **arguments(_build_base.name))
