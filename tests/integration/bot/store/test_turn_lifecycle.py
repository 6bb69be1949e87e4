"""The life of turns under everything at once: hypothesis drives the real store and finds no hole.

Webhooks (repeated ones too), workers that finish, fail, die or come back as zombies, deliverers
that crash after the claim, traces, buttons, resets and clocks, in any order, on real Postgres.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis
from sqlalchemy import text

from bot.admission.admission import Admission
from bot.admission.backlog import Backlog
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.conversation.cancellation import TurnCanceller
from bot.conversation.early_planner import EarlyPlanner
from bot.conversation.enqueuer import JobEnqueuer
from bot.conversation.inbox import Inbox
from bot.conversation.scheduler import ConversationScheduler
from bot.conversation.settlement_events import SettlementNotifier
from bot.conversation.settlement_follow_up import SettlementFollowUp
from bot.conversation.settler import Settler
from bot.conversation.sweeper import TurnSweeper
from bot.domain.deliveries import DeliveryState, DeliveryVia, ReplyHandle
from bot.domain.state_machine import DELIVERY_STEPS, TURN_STEPS
from bot.domain.turns import SETTLED, TurnStatus, Utterance
from bot.store import (
    deliveries,
    delivery_claims,
    delivery_outcomes,
    delivery_recovery,
    reconciliation,
    sync_windows,
)
from bot.store.delivery_claims import DeliveryClaim
from bot.store.history_cache import RecentHistory
from bot.store.reconciliation import ReconciliationClaim
from bot.store.sync_windows import CloseSyncWindow
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.channels import FINISHED_CHANNEL
from inference_queue.client import JobQueue
from inference_queue.leases import Lease, LeaseClient
from inference_queue.protocol import Completion, Failure, FailureReason, FinishReason
from runtime.database import connect_database
from runtime.pubsub import WakeupPublisher, WakeupSubscriber
from runtime.redis_client import connect_redis
from tests.integration.bot.conversation.conversation_parts import job_planner

T = TypeVar("T")
MESSENGERS = ("kakao", "slack")
#: `make fuzz` tries more of them.
EXAMPLES = int(os.environ.get("LIFECYCLE_EXAMPLES", "6"))


@dataclass
class Seen:
    """What the invariants remember of a turn between two steps."""

    status: TurnStatus
    delivery: DeliveryState


class Lives(RuleBasedStateMachine):
    """A bot without its loops: every step is taken by a rule."""

    database_url = ""
    redis_url = ""

    leases_held = Bundle("leases_held")
    claims = Bundle("claims")
    lost_claims = Bundle("lost_claims")
    trace_claims = Bundle("trace_claims")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = connect_database(self.database_url, pool_size=4)
        self.redis: Redis = self.run(self._connect())
        self.seen: dict[UUID, Seen] = {}
        self.shown: Counter[UUID] = Counter()
        self.in_channel: set[UUID] = set()  #: shown by a POST that got no answer
        self.events = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _connect(self) -> Redis:
        return connect_redis(self.redis_url)

    @initialize(window_s=st.sampled_from([0.0, 5.0]))
    def begin(self, window_s: float) -> None:
        async def build() -> None:
            queue = self.queue = JobQueue(self.redis)
            self.ringer = WakeupPublisher(self.redis, "settled")
            self.workers = LeaseClient(self.database, self.redis, worker="w", lease_s=30)
            self.build_conversation(queue, window_s)
            await self.redis.flushdb()

        self.run(build())
        self.execute("TRUNCATE conversations, jobs CASCADE")

    def build_conversation(self, queue: JobQueue, window_s: float) -> None:
        notifier = SettlementNotifier(self.ringer)
        history = RecentHistory(self.redis, max_turns=5)
        finished = WakeupSubscriber(self.redis, FINISHED_CHANNEL)
        registry = WorkerRegistry(self.redis)
        planner = job_planner(history, registry)
        early = EarlyPlanner(planner, merge_window_s=window_s)
        self.scheduler = ConversationScheduler(
            database=self.database,
            enqueuer=JobEnqueuer(
                database=self.database,
                queue=queue,
                planner=planner,
                notifier=notifier,
                merge_window_s=window_s,
            ),
            notifier=notifier,
        )
        soon = self.scheduler.schedule_soon
        self.settler = Settler(
            database=self.database,
            queue=queue,
            finished=finished,
            follow_up=SettlementFollowUp(
                history=history, notifier=notifier, schedule_soon=soon, early=early
            ),
        )
        self.sweeper = TurnSweeper(
            database=self.database, scheduler=self.scheduler, notifier=notifier
        )
        self.inbox = Inbox(
            database=self.database,
            admission=Admission(
                rate_limit=RateLimit(self.redis, 0),
                backlog=Backlog(self.database, 0),
                forecast=Forecast(self.database, registry),
                texts=TEXTS["ko"],
            ),
            canceller=TurnCanceller(
                database=self.database,
                queue=queue,
                notifier=notifier,
                settle_soon=finished.notify_local,
            ),
            scheduler=self.scheduler,
            early=early,
        )

    def teardown(self) -> None:
        async def close() -> None:
            await self.scheduler.close()
            for bell in (self.workers, self.queue, self.ringer):
                await bell.close()
            await self.redis.aclose()
            await self.database.dispose()

        self.run(close())
        self.runner.close()

    def execute(self, statement: str) -> None:
        async def run() -> None:
            async with self.database.begin() as connection:
                await connection.execute(text(statement))

        self.run(run())

    def rows(self, statement: str) -> list[Any]:
        async def run() -> list[Any]:
            async with self.database.connect() as connection:
                return list((await connection.execute(text(statement))).all())

        return self.run(run())

    # --- people -----------------------------------------------------------------------------

    @rule(
        messenger=st.sampled_from(MESSENGERS),
        person=st.sampled_from("ab"),
        repeat=st.booleans(),
        callback=st.booleans(),
        expires_s=st.sampled_from([-1, 600]),
    )
    def say(
        self, messenger: str, person: str, *, repeat: bool, callback: bool, expires_s: int
    ) -> None:
        now = datetime.now(UTC)
        by_kakao = messenger == "kakao"
        self.events += 0 if repeat and self.events else 1
        utterance = Utterance(
            messenger=messenger,
            tenant="t",
            conversation_key=person,
            event_key=f"{self.events}",
            sender=person,
            text=f"말 {self.events}",
            reply=ReplyHandle(
                via=DeliveryVia.SYNC if by_kakao else DeliveryVia.POST,
                sync_until=now if by_kakao else None,
                callback_until=now + timedelta(seconds=30) if by_kakao and callback else None,
                expires_at=now + timedelta(seconds=expires_s),
            ),
            received_at=now,
        )

        async def receive() -> None:
            # Twice at once, as an impatient platform does.
            both = [self.inbox.submit(utterance) for _ in range(2)]
            first, second = await asyncio.gather(*both)
            assert first.turn_id == second.turn_id
            assert not (first.new and second.new)
            await self.scheduler.close()

        self.run(receive())

    @rule(messenger=st.sampled_from(MESSENGERS), person=st.sampled_from("ab"))
    def reset(self, messenger: str, person: str) -> None:
        self.run(self.inbox.reset(messenger=messenger, tenant="t", key=person, repeats=None))

    @rule(number=st.integers(0, 30))
    def cancel(self, number: int) -> None:
        """Whatever the turn is doing, and twice at once."""
        found = self.rows("SELECT id, status FROM turns ORDER BY received_at, id")
        if not found:
            return
        turn = found[number % len(found)]

        async def both() -> list[bool]:
            return list(await asyncio.gather(*(self.inbox.cancel(turn.id) for _ in range(2))))

        stopped = self.run(both())
        assert not (any(stopped) and TurnStatus(turn.status) in SETTLED)

    # --- workers ----------------------------------------------------------------------------

    @rule(target=leases_held, slots=st.integers(1, 3))
    def claim_jobs(self, slots: int) -> Any:
        return multiple(*self.run(self.workers.claim(slots)))

    @rule(lease=consumes(leases_held), fails=st.booleans())
    def finish_job(self, lease: Lease, *, fails: bool) -> None:
        result: Completion | Failure = Completion(
            text="답",
            finish_reason=FinishReason.STOP,
            model="m",
            prompt_tokens=1,
            completion_tokens=1,
        )
        if fails:
            result = Failure(reason=FailureReason.ENGINE_ERROR, message="x")
        self.run(self.workers.finish(lease, result))

    @rule(lease=consumes(leases_held))
    def give_job_back(self, lease: Lease) -> None:
        self.run(self.workers.release(lease))

    @rule(lease=consumes(leases_held))
    def worker_dies(self, lease: Lease) -> None:
        """Nothing is said; the lease runs out."""
        self.execute("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE state='running'")

    @rule(lease=leases_held)
    def worker_freezes(self, lease: Lease) -> None:
        """It comes back later with a lease that may be another's by then."""
        self.execute("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE state='running'")
        self.run(self.sweeper.sweep())

    # --- bots -------------------------------------------------------------------------------

    @rule(twice=st.booleans(), woken=st.booleans())
    def settle(self, *, twice: bool, woken: bool) -> None:
        finished = self.rows("SELECT id FROM jobs WHERE state = 'finished'") if woken else []
        causes = {str(job.id) for job in finished}

        async def settle() -> None:
            again = [self.settler.settle()] if twice else []
            await asyncio.gather(self.settler.settle_woken(causes), *again)
            await self.scheduler.close()

        self.run(settle())

    @rule()
    def sweep(self) -> None:
        self.run(self.sweeper.sweep())

    @rule(target=claims, via=st.sampled_from([DeliveryVia.SYNC, DeliveryVia.HELD]))
    def answer_a_webhook(self, via: DeliveryVia) -> Any:
        """Two webhooks want the same settled turn at once: the first time, or by the button."""
        states = (DeliveryState.PENDING,)
        was: DeliveryVia | None = DeliveryVia.SYNC
        if via is DeliveryVia.HELD:
            states, was = (DeliveryState.PENDING, DeliveryState.HELD), None  # type: ignore[assignment]
        found = self.rows(
            "SELECT id FROM turns JOIN deliveries ON turn_id = id WHERE turns.messenger = 'kakao' "
            "AND settled_at IS NOT NULL AND state IN ('pending', 'held') ORDER BY settled_at"
        )
        if not found:
            return multiple()

        async def claim() -> DeliveryClaim | None:
            async with self.database.begin() as connection:
                return await delivery_claims.claim(
                    connection, found[0].id, via=via, states=states, was=was
                )

        async def both() -> list[DeliveryClaim | None]:
            return list(await asyncio.gather(claim(), claim()))

        taken = [one for one in self.run(both()) if one]
        assert len(taken) <= 1
        return multiple(*taken)

    @rule(by_callback=st.booleans())
    def close_the_sync_window(self, *, by_callback: bool) -> None:
        found = self.rows(
            "SELECT turn_id, callback_until FROM deliveries "
            "WHERE state = 'pending' AND via = 'sync' LIMIT 1"
        )
        for row in found:
            callback = by_callback and row.callback_until is not None

            async def close(turn_id: UUID = row.turn_id, *, callback: bool = callback) -> None:
                async with self.database.begin() as connection:
                    via = DeliveryVia.CALLBACK if callback else DeliveryVia.HELD
                    state = DeliveryState.PENDING if callback else DeliveryState.HELD
                    await sync_windows.close_sync_windows(
                        connection, [CloseSyncWindow(turn_id=turn_id, via=via, state=state)]
                    )

            self.run(close())

    @rule(target=claims, traced=st.booleans())
    def claim_due(self, *, traced: bool) -> Any:
        async def claim() -> list[DeliveryClaim]:
            async with self.database.begin() as connection:
                marking = [*MESSENGERS] if traced else []
                return await delivery_claims.claim_due(connection, 2, marking=marking)

        return multiple(*self.run(claim()))

    @rule(target=lost_claims)
    def lose_a_claim(self) -> UUID:
        """Postgres takes the claim and dies before it says so."""
        name = uuid4()

        async def claim() -> None:
            async with self.database.begin() as connection:
                await delivery_claims.claim_due(connection, 2, name=name)

        self.run(claim())
        return name

    @rule(name=consumes(lost_claims))
    def give_claim_back(self, name: UUID) -> None:
        """Also when others have taken over, or claimed anew, what was lost."""
        lost = f"SELECT 1 FROM deliveries WHERE state = 'sending' AND claimed_by = '{name}'"
        still_lost = len(self.rows(lost))

        async def give_back() -> int:
            async with self.database.begin() as connection:
                return await delivery_recovery.release_claims(connection, [name])

        assert self.run(give_back()) == still_lost
        assert not self.rows(lost)

    @rule()
    def bury_what_cannot_be_claimed(self) -> None:
        """A fault of the row; also when others claim it, or send it again, meanwhile."""
        found = self.rows(
            "SELECT turn_id FROM deliveries WHERE state = 'pending' AND via IN ('callback', 'post')"
            " LIMIT 1"
        )

        async def bury(turn_id: UUID) -> None:
            async with self.database.begin() as connection:
                assert await delivery_outcomes.bury(connection, turn_id, "fault")
                assert not await delivery_outcomes.bury(connection, turn_id, "fault")

        for row in found:
            self.run(bury(row.turn_id))

    @rule(claim=consumes(claims), shown=st.booleans(), dies=st.booleans())
    def post_without_an_answer(self, claim: DeliveryClaim, *, shown: bool, dies: bool) -> None:
        """Shown or not, noted or not; what cannot be traced is seen by nobody in this play."""
        if claim.via is not DeliveryVia.POST or claim.is_stale:
            return
        owner = self.rows(
            f"SELECT claim FROM deliveries WHERE turn_id = '{claim.turn_id}' AND state = 'sending'"
        )
        if not owner or owner[0].claim != claim.number:
            return
        if shown and claim.marked:
            self.shown[claim.turn_id] += 1
            self.in_channel.add(claim.turn_id)
        if dies:
            self.deliverer_dies(claim)
            return

        async def write() -> None:
            async with self.database.begin() as connection:
                await delivery_outcomes.record(connection, claim, DeliveryState.UNCONFIRMED)

        self.run(write())

    @rule(claim=claims)
    def go_another_way(self, claim: DeliveryClaim) -> None:
        async def unmark() -> None:
            async with self.database.begin() as connection:
                await reconciliation.unmark(connection, claim)

        self.run(unmark())

    @rule(target=trace_claims)
    def claim_traces(self) -> Any:
        """Two lookers at once, after the quiet time."""
        self.execute("UPDATE deliveries SET trace_at = now() WHERE trace_at IS NOT NULL")

        async def claim() -> ReconciliationClaim | None:
            async with self.database.begin() as connection:
                return await reconciliation.claim_one(connection)

        async def both() -> list[ReconciliationClaim | None]:
            return list(await asyncio.gather(claim(), claim()))

        taken = [one for one in self.run(both()) if one]
        assert len({one.turn_id for one in taken}) == len(taken)
        return multiple(*taken)

    @rule(trace=trace_claims, knows=st.booleans())
    def settle_trace(self, trace: ReconciliationClaim, *, knows: bool) -> None:
        """The truth of the channel, or that it cannot be told; late lookers and twice over too."""
        found = trace.turn_id in self.in_channel
        state = DeliveryState.DELIVERED if found else DeliveryState.PENDING
        if not knows:
            state = DeliveryState.UNCONFIRMED

        async def settle() -> tuple[bool, bool]:
            async def once() -> bool:
                async with self.database.begin() as connection:
                    return await reconciliation.settle(
                        connection, trace, state, detail="", again_in_s=None if knows else 30.0
                    )

            return await asyncio.gather(once(), once())

        settled = self.run(settle())
        assert knows is False or sum(settled) <= 1

    @rule(
        claim=consumes(claims),
        state=st.sampled_from(
            [
                DeliveryState.DELIVERED,
                DeliveryState.PENDING,
                DeliveryState.HELD,
                DeliveryState.UNCONFIRMED,
                DeliveryState.FAILED,
            ]
        ),
    )
    def record(self, claim: DeliveryClaim, state: DeliveryState) -> None:
        by_post = claim.via is DeliveryVia.POST
        if state is DeliveryState.HELD and by_post:
            state = DeliveryState.UNCONFIRMED
        if state in (DeliveryState.UNCONFIRMED, DeliveryState.FAILED) and not by_post:
            state = DeliveryState.HELD

        async def write() -> bool:
            async with self.database.begin() as connection:
                return await delivery_outcomes.record(connection, claim, state)

        if self.run(write()) and state is DeliveryState.DELIVERED:
            self.shown[claim.turn_id] += 1

    @rule(claim=consumes(claims))
    def deliverer_dies(self, claim: DeliveryClaim) -> None:
        self.execute(
            "UPDATE deliveries SET claimed_until = now() - interval '1 s' WHERE state = 'sending'"
        )

    @rule(claim=claims)
    def deliverer_freezes(self, claim: DeliveryClaim) -> None:
        """It is taken for dead, and may say later what came of it."""
        self.deliverer_dies(claim)
        self.recover(late=False)

    @rule(late=st.booleans())
    def recover(self, *, late: bool) -> None:
        if late:
            self.execute("UPDATE deliveries SET expires_at = now() WHERE state = 'held'")

        async def run() -> None:
            async with self.database.begin() as connection:
                await delivery_recovery.recover(connection)
                await delivery_recovery.expire(connection)

        self.run(run())

    @rule()
    def send_dead_letters_again(self) -> None:
        dead = self.rows("SELECT turn_id FROM deliveries WHERE state IN ('failed', 'unconfirmed')")
        # An operator who sends again what was shown is told so by nobody.
        dead = [row for row in dead if row.turn_id not in self.in_channel]

        async def again() -> None:
            async with self.database.begin() as connection:
                for row in dead:
                    await deliveries.send_again(connection, row.turn_id)

        self.run(again())

    # --- what must always hold --------------------------------------------------------------

    @invariant()
    def one_turn_of_a_conversation_runs(self) -> None:
        assert not self.rows(
            "SELECT 1 FROM turns WHERE status IN ('queued', 'generating') "
            "GROUP BY conversation_id HAVING count(*) > 1"
        )

    @invariant()
    def every_running_turn_has_its_job_and_every_job_its_turn(self) -> None:
        assert not self.rows(
            "SELECT 1 FROM turns FULL JOIN jobs ON jobs.id = turns.job_id "
            "WHERE (turns.status IN ('queued', 'generating') AND jobs.id IS NULL) "
            "OR (jobs.id IS NOT NULL AND coalesce(turns.status, '') "
            "NOT IN ('queued', 'generating'))"
        )

    @invariant()
    def answers_come_in_order(self) -> None:
        assert not self.rows(
            "SELECT 1 FROM turns a JOIN turns b USING (conversation_id) "
            "WHERE a.seq < b.seq AND a.queued_at > b.queued_at"
        )

    @invariant()
    def nothing_is_shown_twice(self) -> None:
        assert all(times == 1 for times in self.shown.values())

    @invariant()
    def every_step_is_in_the_table(self) -> None:
        found = self.rows(
            "SELECT turns.id, status, state FROM turns LEFT JOIN deliveries ON turn_id = id"
        )
        now = {row.id: Seen(TurnStatus(row.status), DeliveryState(row.state)) for row in found}
        for turn_id, before in self.seen.items():
            after = now[turn_id]  # no turn is ever gone
            assert _reaches(TURN_STEPS, before.status, after.status)
            assert _reaches(DELIVERY_STEPS, before.delivery, after.delivery)
            if before.status in SETTLED:
                assert after.status is before.status
        self.seen = now


def _reaches(steps: Any, start: Any, end: Any) -> bool:
    """Whether ``end`` can be reached: a rule may take several steps at once."""
    reached, edge = {start}, {start}
    while edge:
        edge = {target for state in edge for target in steps[state]} - reached
        reached |= edge
    return end in reached


@pytest.mark.slow
@pytest.mark.timeout(120 + 20 * EXAMPLES)
def test_no_order_of_events_breaks_an_invariant_of_turns(database_url: str, redis_url: str) -> None:
    machine = type("Lives", (Lives,), {"database_url": database_url, "redis_url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
