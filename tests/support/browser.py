"""Which Chromium the page's tests drive."""

import shutil


def chromium_executable() -> str | None:
    """The distribution's for Playwright's `executable_path`; None where Playwright has one of its own.

    The shell is Chromium's engine without the windows, profiles and services of a browser around it, which cost three
    times as much as the page; Playwright's own for tests without a screen is the same.
    """
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")
