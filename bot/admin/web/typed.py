"""What operators typed: names, searches, notes and reasons, masked for everybody else.

Operators copy people's numbers into them, and no grant covers them: who typed something reads it
as it is, others read it masked.
"""

from __future__ import annotations

from jinja2 import pass_context
from jinja2.runtime import Context

from bot.domain.dashboard_users import DashboardUser
from bot.privacy.masking import mask


def typed_for(reader: str, text: str, author: str) -> str:
    """A text of at most some hundred characters by ``author``, as ``reader`` may see it.

    ``author``: "" where nobody knows it. Longer texts belong in the masking thread.
    """
    return text if author and author == reader else mask(text)


@pass_context
def typed(context: Context, text: str, author: str) -> str:
    """The filter of the templates: ``{{ queue.name|typed(queue.created_by) }}``."""
    user: DashboardUser | None = context.get("user")
    return typed_for(user.name if user else "", text, author)
