"""What the page says in each language, read from its sources, and what it says on the screen."""

import re
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

TEXTS: Final = Path(__file__).parents[2] / "web/src/i18n"
ENTRY: Final = re.compile(r'^ {2}"?([\w.]+)"?:\s+"(.*)",$', re.MULTILINE)

READ: Final = """
() => {
  const said = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement, textContent } = walker.currentNode;
    if (parentElement.checkVisibility()) said.add(textContent.trim());
  }
  for (const element of document.querySelectorAll("*")) {
    for (const name of ["aria-label", "placeholder", "title", "aria-valuetext", "alt"]) {
      said.add((element.getAttribute(name) ?? "").trim());
    }
  }
  return [...said].filter(Boolean);
}
"""


def texts(language: str) -> dict[str, str]:
    """Every text of the page in one language, by its key."""
    return {
        key: text.replace('\\"', '"')
        for file in sorted(TEXTS.glob(f"{language}.*.ts"))
        for key, text in ENTRY.findall(file.read_text())
    }


ENGLISH: Final = texts("en")
SPANISH: Final = texts("es")

ONLY_ENGLISH: Final = [
    re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(text)))
    for key, text in ENGLISH.items()
    if text not in SPANISH.values() and re.sub(r"\{\w+\}|\W", "", text)
]
"""A pattern for each English text that is not Spanish as well ("Chat"); placeholders stand for anything."""

KEPT: Final = {"English", "Friday night", "Last week", "The demo room"}
"""Names: of a language, and of rooms."""


def english_on(page: Page) -> list[str]:
    """English sentences of ours that stand on a page, or are said by it."""
    said = [text for text in page.evaluate(READ) if any(english.fullmatch(text) for english in ONLY_ENGLISH)]
    return [text for text in said if text not in KEPT]
