"""The statements that pick, hold and book n places side by side; families.py says who uses them when."""

from scheduling import places

# A place for these people: free, lapsed, or already held under one of their keys.
_USABLE = """place.pool = ANY(%(pools)s) AND (
    place.state = 'free' OR (place.state = 'held' AND (place.held_until < %(now)s
                                                       OR place.held_by = ANY(%(keys)s::uuid[]))))"""

# `near` are the sessions that can be reached from the chosen one over sessions that all have a place. What another
# statement has locked is skipped, which may tear a hole, so `enough` judges what was really picked.
_PICK = """
sessions AS MATERIALIZED (
    SELECT slot.id, row_number() OVER (ORDER BY slot.starts_at) AS ordinal,
           EXISTS (SELECT FROM scheduling_place place WHERE place.slot_id = slot.id AND USABLE) AS has_place
    FROM scheduling_slot slot JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
    WHERE slot.schedule_id = (SELECT schedule_id FROM scheduling_slot WHERE id = %(slot)s)
      AND schedule.state = 'open' AND slot.ends_at > %(now)s
      AND (%(anytime)s OR ((schedule.release_at IS NULL OR schedule.release_at <= %(now)s)
                           AND (schedule.walk_in_at IS NULL OR schedule.walk_in_at > %(now)s)))
), near AS MATERIALIZED (
    SELECT session.id, session.ordinal - chosen.ordinal AS step
    FROM sessions session JOIN sessions chosen ON chosen.id = %(slot)s
    WHERE abs(session.ordinal - chosen.ordinal) <= %(reach)s
      AND NOT EXISTS (SELECT FROM sessions gap WHERE NOT gap.has_place AND gap.ordinal
                      BETWEEN least(session.ordinal, chosen.ordinal) AND greatest(session.ordinal, chosen.ordinal))
), picked AS MATERIALIZED (
    SELECT place.id, place.slot_id, place.number, near.step,
           coalesce(place.held_by = ANY(%(keys)s::uuid[]) AND place.held_until >= %(now)s, false) AS running
    FROM near JOIN scheduling_place place ON place.slot_id = near.id
    WHERE USABLE
    ORDER BY %(keep)s AND place.state = 'held' AND place.held_by = ANY(%(keys)s::uuid[]) DESC,
             abs(near.step), near.step DESC,
             coalesce(place.held_by = ANY(%(keys)s::uuid[]), false) DESC, place.number
    LIMIT %(wanted)s FOR UPDATE OF place SKIP LOCKED
), enough AS (
    SELECT FROM picked
    HAVING count(*) = %(wanted)s AND count(DISTINCT step) = max(step) - min(step) + 1
       AND min(step) <= 0 AND max(step) >= 0
)""".replace("USABLE", _USABLE)

PICK = places._with(
    _PICK, last=" SELECT picked.id, picked.slot_id FROM picked, enough ORDER BY picked.step, picked.number"
)

# Keys get the places in the order of the day, as members will when they are booked. A hold that runs is not made longer
# by asking again; a family that has one place too few gets a new time for all of them.
HOLD = places._with(
    _PICK,
    """
keyed AS (
    SELECT picked.id, (%(keys)s::uuid[])[row_number() OVER (ORDER BY picked.step, picked.number)] AS key,
           bool_and(picked.running) OVER () AS running
    FROM picked, enough
), held AS (
    UPDATE scheduling_place place
    SET state = 'held', held_by = keyed.key,
        held_until = CASE WHEN keyed.running THEN place.held_until ELSE %(until)s END
    FROM keyed WHERE place.id = keyed.id
    RETURNING place.id, place.slot_id, place.held_by, place.held_until
), others AS (
    UPDATE scheduling_place place SET state = 'free', held_by = NULL, held_until = NULL
    WHERE place.id IN (
        SELECT old.id FROM scheduling_place old
        WHERE old.state = 'held' AND old.held_by = ANY(%(keys)s::uuid[])
          AND EXISTS (SELECT FROM held) AND old.id NOT IN (SELECT id FROM held)
        FOR UPDATE SKIP LOCKED)
)""",
    last=" SELECT held_by, slot_id, held_until FROM held",
)

BOOK = """
WITH wanted AS (
    SELECT * FROM unnest(
        %(places)s::bigint[], %(slots)s::bigint[], %(citizens)s::bigint[], %(public_ids)s::uuid[], %(codes)s::text[],
        %(dose_codes)s::text[], %(client_uuids)s::uuid[], %(pre_screenings)s::text[], %(questionnaires)s::bigint[])
    AS wanted (place_id, slot_id, citizen_id, public_id, code, dose_code, client_uuid, pre_screening, questionnaire_id)
), booked AS (
    INSERT INTO scheduling_appointment (
        public_id, code, citizen_id, programme_id, schedule_id, slot_id, dose_code, status, client_uuid, pre_screening,
        questionnaire_id, booked_at, changed_at, sequence, cancel_reason, cancelled_because, booked_via)
    SELECT wanted.public_id, wanted.code, wanted.citizen_id, schedule.programme_id, schedule.id, slot.id,
        wanted.dose_code, 'booked', wanted.client_uuid, wanted.pre_screening::jsonb,
        wanted.questionnaire_id, %(now)s, %(now)s, 0, '', '', %(booked_via)s
    FROM wanted JOIN scheduling_slot slot ON slot.id = wanted.slot_id
    JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
    ORDER BY wanted.citizen_id
    ON CONFLICT DO NOTHING
    RETURNING id, citizen_id
), taken AS (
    UPDATE scheduling_place place
    SET state = 'taken', appointment_id = booked.id, held_until = NULL, held_by = NULL
    FROM booked JOIN wanted ON wanted.citizen_id = booked.citizen_id WHERE place.id = wanted.place_id
), others AS (
    -- What a second tab still held for these people. Locked is in use: waiting here could be for one who waits for us.
    UPDATE scheduling_place place SET state = 'free', held_by = NULL, held_until = NULL
    WHERE place.id IN (
        SELECT old.id FROM scheduling_place old
        WHERE old.state = 'held' AND old.held_by = ANY(%(keys)s::uuid[]) AND old.pool = 'online'
          AND old.id <> ALL(%(places)s::bigint[])
        FOR UPDATE SKIP LOCKED)
), news AS (
    INSERT INTO core_outboxmessage (
        topic, consumer, payload, created_at, state, available_at, attempts, last_error)
    SELECT 'appointment.booked', consumer, json_build_object('appointment_id', booked.id), %(now)s, 'waiting', %(now)s,
        0, ''
    FROM booked, unnest(%(consumers)s::text[]) AS consumer
)
SELECT id, citizen_id FROM booked"""
