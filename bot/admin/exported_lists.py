"""The lists that can be exported, by name."""

from __future__ import annotations

from collections.abc import Mapping

from bot.admin.audit.exported import ExportedAudit
from bot.admin.datasets.exported import ExportedDataset
from bot.admin.dead_letters.exported import ExportedDeadLetters
from bot.admin.exports.lists import ExportedList
from bot.admin.turns.exported import ExportedTurns
from bot.admin.users.exported import ExportedUsers


def exported_lists(messenger_labels: Mapping[str, str]) -> dict[str, ExportedList]:
    """All of them; ``messenger_labels``: the Korean name of each messenger."""
    lists: tuple[ExportedList, ...] = (
        ExportedTurns(messenger_labels),
        ExportedDeadLetters(messenger_labels),
        ExportedAudit(),
        ExportedUsers(),
        ExportedDataset(),
    )
    return {one.name: one for one in lists}
