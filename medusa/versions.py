"""Tells the versions of what Medusa stands on."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from medusa import __version__
from medusa.sources.ytdlp_update import Updater
from medusa.tools import Tools


def versions(tools: Tools, updater: Updater) -> Mapping[str, str]:
    """The versions of Medusa and of what it stands on, by name."""
    return {
        "Medusa": __version__,
        "Python": platform.python_version(),
        "Telethon": version("telethon"),
        "yt-dlp": updater.shown,
        "gallery-dl": _version("gallery-dl"),
        "ffmpeg": str(tools.ffmpeg or "not found"),
        "JavaScript": tools.javascript or "not found",
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not found"
