"""What axe says of a page as it stands."""

from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

OPTIONS: Final = {
    # Experimental in axe, and a rule of WCAG's level A (2.5.3): who speaks to a page says what they see on a button.
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    # Of what is in order it describes the first element only: to describe thousands takes longer than to judge them.
    "resultTypes": ["violations"],
}


# What is in order would come over in full, to be thrown away.
RUN: Final = """async options => {
    const results = await axe.run(options);
    return results.violations.map(rule => [rule.id, rule.nodes.slice(0, 3).map(node => node.html)]);
}"""


async def expect_no_violation(page: Page) -> None:
    """Nothing, by any of its rules."""
    await page.evaluate(Axe().axe_script)
    found = await page.evaluate(RUN, OPTIONS)
    assert found == [], f"{page.url}: {found}"
