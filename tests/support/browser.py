"""Which Chromium the page's tests drive."""

import shutil


def chromium_executable() -> str | None:
    """The distribution's Chromium for Playwright's `executable_path`; None where Playwright has one of its own."""
    return shutil.which("chromium")
