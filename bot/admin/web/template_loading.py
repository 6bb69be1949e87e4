"""Templates without their indentation: a reader of the source needs it, a browser does not.

In a list of thirty turns it is a tenth of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import jinja2

_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


class TemplateLoader(jinja2.PackageLoader):
    """Loads the templates of a package. No string of theirs spans lines."""

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool] | None]:
        """The source of a template, its file, and whether it is up to date."""
        source, filename, is_current = super().get_source(environment, template)
        return _INDENTATION.sub("", source), filename, is_current
