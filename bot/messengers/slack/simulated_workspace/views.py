"""Triggers, modals and App Home: views.open, push, update and publish."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from bot.messengers.slack.simulated_workspace.arguments import Arguments
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import Call, Method
from bot.messengers.slack.simulated_workspace.sightings import SightingKind
from bot.messengers.slack.simulated_workspace.state import WorkspaceState
from bot.messengers.slack.simulated_workspace.view_limits import check_view

MAX_TRIGGERS = 10_000
MAX_VIEWS = 10_000  #: of all people together


@dataclass(slots=True)
class _Trigger:
    user: str
    issued_at: float
    used: bool = False


@dataclass(slots=True, kw_only=True)
class View:
    """A view that a person sees; ``hash`` changes with every update."""

    id: str
    user: str
    content: dict[str, Any]
    hash: str

    def document(self, team_id: str) -> dict[str, Any]:
        """The view as responses and view_submission hold it."""
        own = {"id": self.id, "team_id": team_id, "hash": self.hash}
        return {**self.content, **own, "root_view_id": self.id}


class ViewMethods:
    """The views of a workspace: a stack of modals and a home for each person."""

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        self._triggers: dict[str, _Trigger] = {}
        self._views: dict[str, View] = {}
        self.modals: dict[str, list[View]] = {}  #: by person, the topmost last
        self.homes: dict[str, View] = {}  #: by person

    def methods(self) -> list[Method]:
        """The methods by name."""
        return [
            Method(name="views.open", handle=self._open, tier=4),
            Method(name="views.push", handle=self._push, tier=4),
            Method(name="views.update", handle=self._update, tier=4),
            Method(name="views.publish", handle=self._publish, tier=4),
        ]

    def new_trigger(self, user: str) -> str:
        """A trigger_id for a person's press or command."""
        numbers = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}"
        trigger_id = f"{numbers}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = _Trigger(user, self._state.now)
        if len(self._triggers) > MAX_TRIGGERS:
            del self._triggers[next(iter(self._triggers))]
        return trigger_id

    def open_modal(self, user: str, content: dict[str, Any]) -> View:
        """Put a modal on top of a person's stack; raises SlackError."""
        view = self._keep(user, check_view(content, "modal"))
        self.modals.setdefault(user, []).append(view)
        self._show(SightingKind.MODAL, view)
        return view

    def replace(self, view: View, content: dict[str, Any]) -> None:
        """Change a view that is shown; raises SlackError."""
        kind = str(view.content["type"])
        view.content, view.hash = _named(check_view(content, kind)), secrets.token_hex(6)
        self._show(SightingKind.HOME if kind == "home" else SightingKind.MODAL, view)

    def close(self, user: str, *, all_of_them: bool = False) -> None:
        """Take the topmost modal, or all, from a person's screen."""
        stack = self.modals.get(user, [])
        closed = stack[:] if all_of_them else stack[-1:]
        for view in closed:
            stack.remove(view)
            self._views.pop(view.id, None)

    def forget(self, user: str) -> None:
        """Drop all views of a person."""
        self.close(user, all_of_them=True)
        self.modals.pop(user, None)
        if home := self.homes.pop(user, None):
            self._views.pop(home.id, None)

    def _open(self, call: Call) -> dict[str, Any]:
        user = self._spend_trigger(call.arguments.required("trigger_id"))
        view = self.open_modal(user, call.arguments.object("view") or {})
        return {"view": view.document(self._state.team_id)}

    def _push(self, call: Call) -> dict[str, Any]:
        user = self._spend_trigger(call.arguments.required("trigger_id"))
        if not 1 <= len(self.modals.get(user, ())) < _MAX_STACK:
            raise SlackError("push_limit_reached")
        view = self.open_modal(user, call.arguments.object("view") or {})
        return {"view": view.document(self._state.team_id)}

    def _update(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        view = self._find(arguments)
        if arguments.text("hash") not in ("", view.hash):
            raise SlackError("hash_conflict")
        self.replace(view, arguments.object("view") or {})
        return {"view": view.document(self._state.team_id)}

    def _publish(self, call: Call) -> dict[str, Any]:
        arguments = call.arguments
        user, content = arguments.required("user_id"), arguments.object("view")
        if user not in self._state.directory.users:
            raise SlackError("user_not_found")
        home = self.homes.get(user)
        if home is None:
            home = self.homes[user] = self._keep(user, check_view(content, "home"))
            self._show(SightingKind.HOME, home)
        elif arguments.text("hash") not in ("", home.hash):
            raise SlackError("hash_conflict")
        else:
            self.replace(home, content or {})
        return {"view": home.document(self._state.team_id)}

    def _spend_trigger(self, trigger_id: str) -> str:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._state.now > trigger.issued_at + self._state.rules.trigger_lifetime_s:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def _find(self, arguments: Arguments) -> View:
        view_id, external_id = arguments.text("view_id"), arguments.text("external_id")
        for view in self._views.values():
            named = external_id and view.content.get("external_id") == external_id
            if named or view.id == view_id:
                return view
        raise SlackError("not_found")

    def _keep(self, user: str, content: dict[str, Any]) -> View:
        view_id = f"V{secrets.token_hex(5).upper()}"
        view = View(id=view_id, user=user, content=_named(content), hash=secrets.token_hex(6))
        self._views[view.id] = view
        if len(self._views) > MAX_VIEWS:
            del self._views[next(iter(self._views))]
        return view

    def _show(self, kind: SightingKind, view: View) -> None:
        title = view.content.get("title") or {}
        document = view.document(self._state.team_id)
        self._state.show_surface(kind, "", str(title.get("text", "")), only=view.user, **document)


def _named(content: dict[str, Any]) -> dict[str, Any]:
    """The view with an id for every block, as Slack gives those without one."""
    blocks = [{"block_id": secrets.token_hex(3), **block} for block in content["blocks"]]
    return {**content, "blocks": blocks}


_MAX_STACK = 3
