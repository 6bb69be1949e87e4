"""What a company has after a year beside its turns, as SQL over the generated log.

Sizes are shares of the log. ``log`` numbers the turns: ``place`` from the newest, ``number`` in no
order within a messenger, ``answer_number`` from the newest answered one.
"""

from __future__ import annotations

#: Named in the addresses that are asked for.
PERSON, ROOM, TENANT, ROOM_TENANT = "U-many", "C-many", "T0", "T1"
#: The bench logs in as the first reviewer: each queue is then as slow as it gets for its reader.
REVIEWERS = ("admin", "김하나", "박서준")
REVIEW_QUEUES, DATASETS, REPLAYS, EVALUATIONS = 3, 30, 30, 200
_QUEUE, _REPLAY = "(SELECT count(*) / 10 FROM log)", "(SELECT count(*) / 100 FROM log)"

_LOG = """
    CREATE TEMP TABLE log AS
    SELECT *, CASE WHEN answered THEN row_number() OVER (
        PARTITION BY answered ORDER BY received_at DESC, id DESC) END AS answer_number
    FROM (
        SELECT id, received_at, messenger, answer IS NOT NULL AS answered,
            row_number() OVER (ORDER BY received_at DESC, id DESC) AS place,
            row_number() OVER (PARTITION BY messenger ORDER BY id) AS number,
            count(*) OVER () AS size
        FROM turns
    ) AS numbered;
    CREATE UNIQUE INDEX ON log (answer_number) WHERE answered;
    ANALYZE log
"""
#: A person with a twentieth of all turns, four tenths of them in one conversation; a room with a
#: tenth, in threads of ten; and a fifth of the turns are of people who said nothing else.
_MOVED = f"""
    CREATE TEMP TABLE moved AS
    SELECT id, received_at, CASE
            WHEN messenger = 'kakao' AND number <= size / 50 THEN 'one'
            WHEN messenger = 'kakao' AND number <= size / 20 THEN 'of the person ' || number / 10
            WHEN messenger = 'slack' AND number <= size / 10 THEN 'thread:{ROOM}:' || number / 10
        END AS key,
        CASE WHEN messenger = 'kakao' AND number <= size / 20 THEN '{PERSON}'
            WHEN messenger = 'slack' AND number <= size / 10 THEN NULL
            ELSE 'P' || id END AS sender,
        CASE WHEN messenger = 'kakao' AND number <= size / 20 THEN '{TENANT}'
            WHEN messenger = 'slack' AND number <= size / 10 THEN '{ROOM_TENANT}' END AS tenant,
        messenger
    FROM log WHERE messenger IN ('kakao', 'slack') AND number <= size / 5;
    INSERT INTO conversations (messenger, tenant, key, room, last_seq)
    SELECT messenger, tenant, key, CASE WHEN messenger = 'slack' THEN '{ROOM}' ELSE '' END, count(*)
    FROM moved WHERE key IS NOT NULL GROUP BY 1, 2, 3 ORDER BY max(received_at);
    CREATE TEMP TABLE places AS
    SELECT moved.id, moved.sender, moved.tenant, conversations.id AS conversation_id,
        row_number() OVER (PARTITION BY conversations.id ORDER BY received_at, moved.id) AS seq
    FROM moved LEFT JOIN conversations USING (messenger, tenant, key);
    UPDATE turns SET sender = coalesce(places.sender, turns.sender),
        tenant = coalesce(places.tenant, turns.tenant),
        conversation_id = coalesce(places.conversation_id, turns.conversation_id),
        seq = CASE WHEN places.conversation_id IS NULL THEN turns.seq ELSE places.seq END
    FROM places WHERE places.id = turns.id
"""
_DELIVERIES = """
    UPDATE deliveries SET state = 'failed', detail = 'HTTP 500', delivered_at = NULL,
        updated_at = log.received_at + interval '1 hour'
    FROM log WHERE deliveries.turn_id = log.id AND log.place % 20 = 7;
    UPDATE deliveries SET state = 'expired' WHERE state = 'held';
    INSERT INTO delivery_attempts (turn_id, claim, via, state, detail, claimed_at, recorded_at)
    SELECT id, 1, 'post', CASE WHEN place % 20 = 7 THEN 'failed' ELSE 'delivered' END, 'HTTP 200',
        received_at, received_at FROM log WHERE place % 5 = 2;
    INSERT INTO feedback (turn_id, voter, vote, reasons, note, created_at, updated_at)
    SELECT turns.id, turns.sender, CASE WHEN place % 3 = 0 THEN 'bad' ELSE 'good' END,
        CASE WHEN place % 3 = 0 THEN ARRAY['wrong'] ELSE '{}' END, '', log.received_at,
        log.received_at
    FROM log JOIN turns USING (id) WHERE answered AND place % 20 = 3 ON CONFLICT DO NOTHING;
    INSERT INTO conversation_events (conversation_id, kind, detail, at)
    SELECT conversation_id, 'reset', '{}', log.received_at
    FROM log JOIN turns USING (id) WHERE place % 20 = 11
"""
_USERS = f"""
    INSERT INTO dashboard_users (name, role)
    SELECT name, CASE name WHEN 'admin' THEN 'admin' ELSE 'reviewer' END
    FROM unnest(ARRAY{list(REVIEWERS)}) WITH ORDINALITY AS names (name, place) ORDER BY place;
    INSERT INTO dashboard_users (name, role)
    SELECT '직원 ' || n, 'viewer' FROM generate_series(1, 200) AS n
"""
#: The first queue is judged twice; half of the second by the bench's user alone, who therefore has
#: to look behind it; half of the third by somebody else alone.
_REVIEWS = f"""
    INSERT INTO review_queues (name, query, sampling, seed, reviewers_per_turn, created_by,
        filled_until, scanned)
    SELECT '대기열 ' || n, '', 'all', 1, 2, 1, now(), {_QUEUE}
    FROM generate_series(1, {REVIEW_QUEUES}) AS n;
    CREATE TEMP TABLE chosen AS
    SELECT id, received_at, place, 1 + (answer_number - 1) / {_QUEUE} AS queue_id,
        (answer_number - 1) % {_QUEUE} < {_QUEUE} / 2 AS first_half
    FROM log WHERE answer_number <= {REVIEW_QUEUES} * {_QUEUE};
    CREATE TEMP TABLE written AS
    SELECT chosen.*, reviewer_id, CASE WHEN place % 10 = reviewer_id THEN 'bad' ELSE 'good' END
        AS verdict
    FROM chosen, generate_series(1, 3) AS reviewer_id
    WHERE (queue_id = 1 AND reviewer_id < 3) OR (first_half AND queue_id = reviewer_id + 1);
    INSERT INTO review_items (queue_id, turn_id, received_at, missing)
    SELECT queue_id, id, received_at,
        CASE WHEN queue_id = 1 THEN 0 WHEN first_half THEN 1 ELSE 2 END
    FROM chosen ORDER BY queue_id, received_at DESC;
    INSERT INTO reviews (turn_id, queue_id, reviewer_id, verdict, reasons, created_at, updated_at)
    SELECT id, queue_id, reviewer_id, verdict,
        CASE verdict WHEN 'bad' THEN ARRAY['wrong'] ELSE '{{}}' END, received_at, received_at
    FROM written ORDER BY received_at;
    INSERT INTO judged_turns (turn_id, received_at, verdict, reasons, disputed, reviews, updated_at)
    SELECT id, received_at, CASE WHEN min(verdict) = max(verdict) THEN min(verdict) END,
        CASE WHEN max(verdict) = 'bad' THEN ARRAY['wrong'] ELSE '{{}}' END,
        min(verdict) <> max(verdict), count(*), received_at
    FROM written GROUP BY id, received_at;
    INSERT INTO review_verdicts (turn_id, adjudicator_id, verdict)
    SELECT turn_id, 1, 'good' FROM judged_turns
    WHERE disputed ORDER BY received_at LIMIT {_QUEUE} / 20;
    UPDATE judged_turns SET verdict = 'good', authoritative = true
    WHERE turn_id IN (SELECT turn_id FROM review_verdicts)
"""
_PERSON_KEY = """
    left(encode(sha256(convert_to(turns.messenger, 'UTF8') || '\\x00'::bytea
        || convert_to(turns.tenant, 'UTF8') || '\\x00'::bytea
        || convert_to(turns.sender, 'UTF8')), 'hex'), 32)
"""
#: The last two of all data sets, and of all replays, are large.
_DATASETS = f"""
    INSERT INTO datasets (name, version, kind, query, loose, max_tokens, batch_id, author, state,
        looked_at, made, ended_at)
    SELECT '자료 ' || n, 1, CASE WHEN n % 2 = 0 THEN 'dpo' ELSE 'sft' END, '', false, 2048,
        gen_random_uuid(), 'admin', 'ready', 0, 0, now()
    FROM generate_series(1, {DATASETS}) AS n;
    INSERT INTO dataset_items (dataset_id, id, turn_id, first_turn_id, person, split, source,
        content, hash, model, preset, config_version, tokens)
    SELECT dataset_id, md5(turns.id::text), turns.id, turns.id, {_PERSON_KEY},
        CASE place % 10 WHEN 0 THEN 'test' WHEN 1 THEN 'validation' ELSE 'train' END,
        CASE place % 3 WHEN 0 THEN 'vote' ELSE 'review' END,
        CASE WHEN dataset_id % 2 = 0 THEN jsonb_build_object('id', md5(turns.id::text),
            'prompt', jsonb_build_array(jsonb_build_object('role', 'user', 'content', text)),
            'chosen', jsonb_build_array(jsonb_build_object('role', 'assistant', 'content', answer)),
            'rejected', jsonb_build_array(jsonb_build_object('role', 'assistant', 'content', text)))
        ELSE jsonb_build_object('id', md5(turns.id::text), 'messages', jsonb_build_array(
            jsonb_build_object('role', 'user', 'content', text),
            jsonb_build_object('role', 'assistant', 'content', answer))) END,
        sha256(convert_to(turns.id::text, 'UTF8')), model, preset, config_version, 200 + place % 900
    FROM log JOIN turns USING (id),
        generate_series({DATASETS - 1}, {DATASETS}) AS dataset_id
    WHERE answer_number <= {_QUEUE}
"""
_REPLAYS = f"""
    INSERT INTO replays (name, author, state, max_turns, options, batch_id, seed, ended_at)
    SELECT '비교 ' || n, 'admin', 'ended', 10000, '{{}}', gen_random_uuid(), n, now()
    FROM generate_series(1, {REPLAYS}) AS n;
    INSERT INTO replay_items (replay_id, position, turn_id, state, answer, finish_reason, model,
        prompt_tokens, completion_tokens, total_ms)
    SELECT replay_id, answer_number, turns.id, 'answered', '새 답변: ' || answer, 'stop', model,
        300, 100, 900
    FROM log JOIN turns USING (id), generate_series({REPLAYS - 4}, {REPLAYS}) AS replay_id
    WHERE answer_number <= {_REPLAY};
    INSERT INTO replay_votes (replay_id, position, reviewer, preferred)
    SELECT replay_id, position, reviewer, CASE position % 3 WHEN 0 THEN 'old' ELSE 'new' END
    FROM replay_items, unnest(ARRAY{list(REVIEWERS)}) AS reviewer
    WHERE replay_id >= {REPLAYS - 1} AND (replay_id < {REPLAYS} OR position <= {_REPLAY} / 2);
    INSERT INTO replay_reveals (replay_id, reviewer) VALUES ({REPLAYS - 1}, 'admin')
"""
_PEOPLE = """
    INSERT INTO blocked_people
        (person, name, messenger, tenant, sender, reason, blocked_by, blocked_at)
    SELECT md5(n::text), left(md5(n::text), 8), 'kakao', 'T0', 'B' || n, '욕설 반복', 'admin',
        now() - n * interval '1 hour'
    FROM generate_series(1, 5000) AS n;
    INSERT INTO erasures (id, messenger, tenant, person, counts, erased_at, actor)
    SELECT gen_random_uuid(), 'kakao', 'T0', md5(n::text), '{"turns": 12}',
        now() - n * interval '1 hour', 'admin' FROM generate_series(1, 5000) AS n;
    INSERT INTO erasure_orders (id, messenger, tenant, sender, person, name, actor, ordered_at,
        finished_at)
    SELECT gen_random_uuid(), 'kakao', 'T0', '', md5(n::text), left(md5(n::text), 8), 'admin',
        now() - n * interval '1 hour', now() FROM generate_series(1, 1000) AS n;
    INSERT INTO training_opt_outs (person, pseudonym, author, reason, created_at)
    SELECT md5('o' || n), left(md5('o' || n), 8), 'admin', '본인 요청',
        now() - n * interval '1 hour'
    FROM generate_series(1, 5000) AS n
"""
_LISTS = """
    INSERT INTO exports (author, list, query, format, reason, language, state, rows, bytes,
        ended_at)
    SELECT CASE n % 2 WHEN 0 THEN 'admin' ELSE '김하나' END, 'turns', 'q=환불', 'csv', '월간 점검',
        'ko', 'expired', 5000, 900000, now() FROM generate_series(1, 2000) AS n;
    INSERT INTO retention_rules (messenger, tenant, days, changed_by)
    SELECT 'slack', 'T' || n, 730, 'admin' FROM generate_series(1, 50) AS n;
    INSERT INTO retention_runs (started_at, until, reached_at, turns, finished_at)
    SELECT now() - n * interval '1 day', now() - n * interval '1 day', now(), 1000, now()
    FROM generate_series(1, 365) AS n;
    INSERT INTO bot_configs (messenger, tenant, room, values, author, note)
    SELECT 'slack', 'T1', 'C' || n % 300, '{"history_turns": 10}', 'admin', '설정'
    FROM generate_series(1, 3000) AS n;
    INSERT INTO config_drafts (owner, messenger, tenant, room, values, base_version)
    SELECT 'admin', 'slack', 'T1', 'C' || n, '{"history_turns": 12}', n
    FROM generate_series(8, 40) AS n;
    INSERT INTO saved_searches (owner, name, query)
    SELECT 'admin', '검색 ' || n, '평가:bad' FROM generate_series(1, 45) AS n;
    INSERT INTO alerts (name, since, detail)
    VALUES ('dead_letters', now(), '{"count": 7}'), ('disk_full', NULL, '')
"""
#: Each month some, of which the last asked as many questions as the largest data set has.
_EVALUATIONS = f"""
    INSERT INTO evaluations (kind, name, baseline, candidate, verdict, report, sha256, author,
        made_at)
    SELECT 'comparison', 'test.jsonl', 'Bllossom ' || n, 'Bllossom ' || n + 1, 'cannot_tell',
        jsonb_build_object('kind', 'comparison', 'format', 1, 'created_at', now(), 'judge', NULL,
            'asked', jsonb_build_object('name', 'test.jsonl', 'sha256', '', 'questions', 1000),
            'not_judged', jsonb_build_object()),
        sha256(convert_to(n::text, 'UTF8')), 'admin', now()
    FROM generate_series(1, {EVALUATIONS}) AS n;
    INSERT INTO evaluation_pairs (evaluation_id, position, turn_id, category, question, baseline,
        candidate, baseline_score, candidate_score)
    SELECT {EVALUATIONS}, row_number() OVER (ORDER BY place), turns.id, '-', text, answer, answer,
        5, 6
    FROM log JOIN turns USING (id) WHERE answer_number <= {_QUEUE}
"""
#: 90 days of minutes of three messengers, and the same in every longer step.
_STATISTICS = """
    INSERT INTO statistics (step_s, starts_at, messenger, tenant, ended, answered, failed, expired,
        begun, judged, in_time, good_votes, bad_votes, prompt_tokens, completion_tokens,
        generation_ms, max_waiting, details)
    SELECT step_s, at, messenger, 'T0', n, n * 9 / 10, n / 15, n / 30, n / 4, n, n * 97 / 100,
        n / 20, n / 50, n * 200, n * 110, n * 5200, n / 12, (
            SELECT jsonb_object_agg(stage || ':' || (middle + b), 1 + n / (1 + abs(b - 9)))
            FROM (VALUES ('whole', 44), ('queue', 8), ('start', 16), ('first_token', 30),
                ('generate', 42), ('deliver', 24)) AS stages (stage, middle),
                generate_series(0, 18) AS b)
    FROM unnest(ARRAY[60, 300, 900, 3600, 21600, 86400]) AS step_s,
        generate_series(
            date_bin(make_interval(secs => step_s), now(), '2000-01-01 00:00:00+09')
                - interval '90 days', now(), make_interval(secs => step_s)) AS at,
        (VALUES ('kakao', 40), ('slack', 25), ('generic', 5)) AS people (messenger, many),
        LATERAL (SELECT many * step_s / 60 AS n) AS amounts;
    INSERT INTO statistics_progress VALUES ('ended', now()), ('votes', now()), ('deliveries', now())
    ON CONFLICT DO NOTHING
"""
#: In this order; each is a list of statements.
STEPS = {
    "the log": _LOG,
    "people and rooms": _MOVED,
    "deliveries and votes": _DELIVERIES,
    "users": _USERS,
    "reviews": _REVIEWS,
    "data sets": _DATASETS,
    "replays": _REPLAYS,
    "evaluations": _EVALUATIONS,
    "protection": _PEOPLE,
    "lists": _LISTS,
    "statistics": _STATISTICS,
}
