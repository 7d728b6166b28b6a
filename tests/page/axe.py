"""What axe says of a page as it stands."""

from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

# Experimental in axe, and a rule of WCAG's level A (2.5.3): whoever speaks to a page says what they see on a button.
OPTIONS: Final = {"rules": {"label-content-name-mismatch": {"enabled": True}}}


async def expect_no_violation(page: Page) -> None:
    """Nothing, by any of its rules."""
    results = await Axe().run(page, options=OPTIONS)
    found = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in results.response["violations"]]
    assert found == [], page.url
