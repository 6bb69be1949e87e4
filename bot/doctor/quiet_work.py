"""What a bot does by itself: background jobs, the daily deletions, the channels of its alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.findings import Finding, Verdict
from bot.store.alerts import FailingChannel, failing_channels
from bot.store.quiet_work import LaneState, RetentionState, lane_state, retention_state

#: Background jobs that wait for longer, while none runs or ends, wait for a worker that is missing.
STUCK_S = 600.0
#: Deletions run once a night; a step of a run takes seconds.
MISSED_S, SILENT_S = 2 * 86_400.0, 3600.0

_SETTINGS = {
    "slack": "BOT_ALERT_SLACK_URL",
    "webhook": "BOT_ALERT_WEBHOOK_URL",
    "mail": "BOT_ALERT_SMTP_URL and BOT_ALERT_MAIL_TO",
}


async def check_quiet_work(connection: AsyncConnection) -> AsyncIterator[Finding]:
    """A finding on each that has anything to do. Raises DATABASE_ERRORS."""
    lane = await lane_state(connection)
    if lane.queued or lane.running:
        yield _lane(lane)
    run = await retention_state(connection)
    if run is not None:
        yield _retention(run)
    for channel in await failing_channels(connection):
        yield _channel(channel)


def _lane(lane: LaneState) -> Finding:
    waiting = f"{lane.queued:,} background jobs wait, {lane.running:,} run"
    is_stuck = not lane.running and min(lane.oldest_s, lane.ended_ago_s) > STUCK_S
    if not is_stuck:
        return Finding(Verdict.OK, f"{waiting}.")
    wanted = f" with {', '.join(lane.wanted)}" if lane.wanted else ""
    return Finding(
        Verdict.WRONG,
        f"{waiting}, and the oldest has waited for {lane.oldest_s / 60:.0f} minutes: start a "
        f"worker{wanted}, or stop the replay or the check of the data set that asks for them.",
    )


def _retention(run: RetentionState) -> Finding:
    began = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
    if run.finished_at is None and run.silent_s > SILENT_S:
        return Finding(
            Verdict.WRONG,
            f"The deletions that began at {began} have made no step for "
            f"{run.silent_s / 3600:.0f} hours: see retention in the bot's log.",
        )
    if run.begun_ago_s > MISSED_S:
        return Finding(
            Verdict.WRONG,
            f"The daily deletions ran last at {began}: old turns are kept for longer than their "
            "rules say. Is a bot running? See retention in its log.",
        )
    state = "are under way" if run.finished_at is None else "ended"
    return Finding(Verdict.OK, f"The deletions of {began} {state}: {run.turns:,} turns.")


def _channel(channel: FailingChannel) -> Finding:
    setting = _SETTINGS.get(channel.name, "its setting")
    return Finding(
        Verdict.WRONG,
        f"Alerts have not reached {channel.name} since {channel.since:%Y-%m-%d %H:%M} UTC "
        f"({channel.detail}): check {setting}.",
    )
