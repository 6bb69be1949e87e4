"""assistant.threads.* and agents.sessions.*."""

from __future__ import annotations

from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import invalid
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.state import WorkspaceState
from bot.messengers.slack.simulated_workspace.surfaces import Surfaces

MAX_LOADING_MESSAGES = 10
MAX_PROMPTS = 4
MAX_TITLE_CHARS = 200
_NO_STOP = "missing_agent_session_stopped_event_subscription"


class AgentMethods:
    """The agent's surfaces."""

    def __init__(self, state: WorkspaceState, surfaces: Surfaces) -> None:
        self._state = state
        self._surfaces = surfaces

    def methods(self) -> list[Method]:
        """The methods by name."""
        either = ("chat:write", "assistant:write")
        write = ("chat:write",)
        return [
            Method(name="assistant.threads.setStatus", handle=self._status, scopes=either, tier=3),
            Method(
                name="assistant.threads.setSuggestedPrompts",
                handle=self._prompts,
                scopes=("assistant:write",),
                tier=4,
            ),
            Method(
                name="assistant.threads.setTitle",
                handle=self._title,
                scopes=("assistant:write",),
                tier=3,
            ),
            Method(name="agents.sessions.setStatus", handle=self._session, scopes=write, tier=3),
            Method(name="agents.sessions.rename", handle=self._rename, scopes=write, tier=3),
        ]

    def _status(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel_id"))
        thread_ts = arguments.required("thread_ts")
        if "status" not in arguments.values:
            raise invalid("missing required field: status")
        loading = arguments.items("loading_messages")
        if len(loading) > MAX_LOADING_MESSAGES or not all(isinstance(m, str) for m in loading):
            raise invalid(f"loading_messages: at most {MAX_LOADING_MESSAGES} strings")
        self._need_thread(room.messages, thread_ts)
        self._surfaces.set_status(room.id, thread_ts, arguments.text("status"), loading)
        return {}

    def _prompts(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel_id"))
        prompts = arguments.items("prompts")
        if not 1 <= len(prompts) <= MAX_PROMPTS or not all(map(_is_prompt, prompts)):
            raise invalid(f"prompts: 1 to {MAX_PROMPTS} with title and message")
        named = bool(arguments.text("thread_ts"))
        if named and self._state.rules.agent_view:
            # Slack says ok and shows nothing.
            self._state.violations.append(f"{room.id}: suggested prompts with thread_ts")
            return {}
        if not named and not self._state.rules.agent_view:
            raise invalid("missing required field: thread_ts")
        self._surfaces.set_prompts(room.id, prompts, arguments.text("title"))
        return {}

    def _title(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        room = self._state.directory.for_writing(arguments.required("channel_id"))
        key = (room.id, arguments.required("thread_ts"))
        self._surfaces.titles[key] = arguments.required("title")
        return {}

    def _session(self, call: Call) -> dict[str, Any]:
        room_id, thread_ts, title = self._session_of(call)
        status = call.arguments.text("status")
        self._surfaces.check_session_status(status)
        self._surfaces.set_session(room_id, thread_ts, status, title)
        quiet = self._state.rules.stop_event_subscribed or status != "processing"
        return {} if quiet else {"response_metadata": {"warnings": [_NO_STOP]}}

    def _rename(self, call: Call) -> dict[str, Any]:
        room_id, thread_ts, title = self._session_of(call)
        if (room_id, thread_ts) not in self._surfaces.sessions:
            raise SlackError("session_not_found")
        if not title:
            raise invalid("missing required field: title")
        self._surfaces.titles[room_id, thread_ts] = title
        return {}

    def _session_of(self, call: Call) -> tuple[str, str, str]:
        if not self._state.rules.agent_sessions:
            raise SlackError("unknown_method", req_method="agents.sessions")
        room = self._state.directory.for_writing(call.arguments.required("channel_id"))
        thread_ts, title = call.arguments.required("thread_ts"), call.arguments.text("title")
        if len(title) > MAX_TITLE_CHARS:
            raise invalid(f"title: at most {MAX_TITLE_CHARS} characters")
        self._need_thread(room.messages, thread_ts)
        return room.id, thread_ts, title

    def _need_thread(self, messages: Any, thread_ts: str) -> None:
        if thread_ts not in messages:
            raise SlackError("thread_not_found")


def _is_prompt(prompt: object) -> bool:
    return isinstance(prompt, dict) and all(
        isinstance(prompt.get(name), str) and prompt[name] for name in ("title", "message")
    )
