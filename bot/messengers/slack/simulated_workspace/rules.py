"""What differs between workspaces and between tests of one."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.messengers.slack.platform_limits import MAX_TEXT_CHARS

#: A stream dies about five minutes after its start, whatever is written (python-slack-sdk #1859).
STREAM_LIFETIME_S = 300.0
#: A view can be opened for three seconds after the press that carries the trigger.
TRIGGER_LIFETIME_S = 3.0
#: A status that nothing replaces is cleared.
STATUS_LIFETIME_S = 120.0


@dataclass(slots=True, kw_only=True)
class WorkspaceRules:
    """Slack's defaults as of November 2026; change a field to make the workspace differ."""

    agent_view: bool = True  #: False: the older assistant_view
    agent_sessions: bool = True  #: False: agents.sessions.* are unknown methods
    stop_event_subscribed: bool = True  #: False: agents.sessions.setStatus warns
    streams: bool = True  #: False: no room takes streams
    #: Rooms that refuse streams with channel_type_not_supported.
    rooms_without_streams: set[str] = field(default_factory=set)
    refusal_of_blocks: str = ""  #: the error code for every message with blocks
    refused_block_types: set[str] = field(default_factory=set)  #: invalid_blocks, as old clients'
    refusal_of_edits: str = ""  #: the error code of chat.update, such as edit_window_closed
    max_text_chars: int = MAX_TEXT_CHARS
    page_size: int = 100  #: the largest page of a history
    shows_metadata: bool = True
    rate_limited: bool = False
    stream_lifetime_s: float = STREAM_LIFETIME_S
    trigger_lifetime_s: float = TRIGGER_LIFETIME_S
    status_lifetime_s: float = STATUS_LIFETIME_S
    max_records: int = 1_000_000  #: of what people saw; the oldest go
    max_messages: int = 1_000_000  #: of one room; the oldest go
    max_room_chars: int = 0  #: of all texts of one room together; 0: any number
