"""Slack's refusals of a message: which of them plain text may get past.

Slack has many words for blocks that it does not take, and adds new ones. So every refusal counts as
one of the message, except those known to be of the address: the URL, the channel or the token.
"""

from __future__ import annotations

import re

from bot.domain.deliveries import DeliveryResult, Outcome

#: Refusals of the channel or the token: the next answer there would be refused too.
OF_THE_CHANNEL = frozenset(
    {
        "access_denied",
        "account_inactive",
        "channel_not_found",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "not_in_channel",
        "org_login_required",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
#: Refusals of the response_url, the app or the workspace.
_OF_THE_ADDRESS = OF_THE_CHANNEL | {
    "accesslimited",
    "action_prohibited",
    "as_user_not_supported",
    "cannot_reply_to_message",
    "channel_is_archived",
    "channel_type_not_supported",
    "deprecated_endpoint",
    "expired_url",
    "invalid_channel",
    "invalid_token",
    "invalid_url",
    "method_deprecated",
    "messages_tab_disabled",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "not_allowed",
    "posting_to_general_channel_denied",
    "slack_connect_canvas_sharing_blocked",
    "team_disabled",
    "team_not_found",
    "two_factor_setup_required",
    "used_url",
    "user_not_found",
    "user_is_bot",
}
#: The statuses of a refusal without a word that are of the message.
_MESSAGE_STATUSES = ("400", "413", "422")


def error_code(result: DeliveryResult) -> str:
    """Slack's word for the refusal; empty if it gave none."""
    found = re.fullmatch(r"HTTP \d{3} ([a-z_]+)", result.detail)
    return found[1] if found else ""


def may_take_plain_text(result: DeliveryResult) -> bool:
    """Whether the message was clearly refused, and not its address: nothing was shown."""
    if result.outcome is not Outcome.REFUSED:
        return False
    if code := error_code(result):
        return code not in _OF_THE_ADDRESS
    status = re.fullmatch(r"HTTP (\d{3})", result.detail)
    return status is not None and status[1] in _MESSAGE_STATUSES


def is_too_long(result: DeliveryResult) -> bool:
    """Whether the message was refused for its length."""
    return "too_long" in error_code(result) or result.detail.startswith("HTTP 413")
