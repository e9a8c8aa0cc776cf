"""How a page is filled: a template with the values that its sections give."""

from __future__ import annotations

import re

import jinja2

from capacity.findings.prose import Values, noun_count


def render(template_values: Values, template: str) -> str:
    """Fill a template. Raises jinja2.UndefinedError, with the name, if it reads a value that is missing."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["of"] = noun_count
    environment.filters["thousands"] = "{:,}".format
    return _flow(environment.from_string(template).render(template_values))


def _flow(text: str) -> str:
    """Put each paragraph on one line, with one blank line between blocks; tables, lists and notes stay as they are.

    A template cannot break lines well, because it does not know how long its values are.
    """
    blocks = [block for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]
    kept = [block if block.startswith(("|", "- ", "[")) else " ".join(block.split()) for block in blocks]
    return "\n\n".join(kept) + "\n"
