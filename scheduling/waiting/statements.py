"""The statements of the waiting list and its offers; lock order: citizen, appointment, waiting entry, place.

The row of an entry is the lock of everything that happens to it: its offers and its members change only under it. The
places of an offer are those `held` by the offer's number; both ends of that bond change in one statement.
"""

# An entry that waits for what a schedule gives, by three ways into the index `waitlist_by_place`: this facility, any in
# its kecamatan, any in the city. Needs `schedule` and `facility` in scope.
_WANTED = """
    entry.state = 'waiting' AND entry.programme_id = schedule.programme_id
    AND (entry.vaccine_id IS NULL OR entry.vaccine_id = schedule.vaccine_id)
    AND entry.last_date >= schedule.date AND entry.first_date <= schedule.date"""
_SOMEWHERE = (
    "entry.facility_id = schedule.facility_id",
    "entry.facility_id IS NULL AND entry.kecamatan_id = facility.kecamatan_id",
    "entry.facility_id IS NULL AND entry.kecamatan_id IS NULL",
)
# Citizens may be served from this schedule now.
_SERVES = """
    schedule.state = 'open' AND (schedule.release_at IS NULL OR schedule.release_at <= %(now)s)
    AND (schedule.walk_in_at IS NULL OR schedule.walk_in_at > %(now)s)"""

_WAITS = " OR ".join(
    "EXISTS (SELECT FROM scheduling_waitlistentry entry WHERE @wanted AND @where)".replace("@where", where)
    for where in _SOMEWHERE
)


def _filled(statement: str) -> str:
    """A statement with the conditions that several share."""
    return statement.replace("@somebody_waits", f"({_WAITS})").replace("@wanted", _WANTED).replace("@serves", _SERVES)


# For statements of others; needs `schedule` and `facility` in scope.
SOMEBODY_WAITS = _filled("@somebody_waits")

# The place of an appointment comes free: to the waiting list when somebody waits for it and there is time to come, so
# that nobody is quicker than the queue; else where the caller says, else where it was.
GIVE_BACK = _filled("""
UPDATE scheduling_place place
SET state = 'free', appointment_id = NULL, held_until = NULL, held_by = NULL,
    pool = CASE
        -- Whose place was to close with them and who goes by themselves first: the place closes all the same.
        WHEN EXISTS (SELECT FROM scheduling_displaced displaced WHERE displaced.appointment_id = place.appointment_id
                     AND displaced.schedule_id = slot.schedule_id AND displaced.done_at IS NULL) THEN 'closed'
        WHEN place.pool IN ('online', 'offered', 'next_dose') AND slot.starts_at > %(soon)s
             AND @serves AND @somebody_waits THEN 'offered'
        WHEN %(pool)s::text IS NOT NULL THEN %(pool)s::text
        WHEN place.pool IN ('offered', 'next_dose') THEN 'online'
        ELSE place.pool END
FROM scheduling_slot slot JOIN scheduling_schedule schedule ON schedule.id = slot.schedule_id
JOIN regions_facility facility ON facility.id = schedule.facility_id
WHERE place.appointment_id = %(appointment)s AND slot.id = place.slot_id""")

# Schedules that have a place for somebody who waits, or one kept back (true) that has to go on.
TO_MATCH = _filled("""
SELECT schedule.id, false FROM scheduling_schedule schedule
JOIN regions_facility facility ON facility.id = schedule.facility_id
WHERE schedule.date >= %(today)s AND @serves AND @somebody_waits
  AND EXISTS (SELECT FROM scheduling_slot slot JOIN scheduling_place place ON place.slot_id = slot.id
              WHERE slot.schedule_id = schedule.id AND slot.starts_at > %(soon)s
                AND place.pool IN ('online', 'offered') AND place.state <> 'taken'
                AND (place.state = 'free' OR place.held_until < %(now)s))
UNION
SELECT slot.schedule_id, true FROM scheduling_place place JOIN scheduling_slot slot ON slot.id = place.slot_id
WHERE place.state = 'free' AND place.pool = 'offered'""")

_CANDIDATE = """
(SELECT entry.id, entry.priority, entry.rank FROM scheduling_waitlistentry entry
 JOIN scheduling_schedule schedule ON schedule.id = %(schedule)s
 JOIN regions_facility facility ON facility.id = schedule.facility_id
 WHERE @wanted AND @where
   -- Who let a place of this day go, or never answered, is not asked for the same day again.
   AND NOT EXISTS (SELECT FROM scheduling_offer offer WHERE offer.entry_id = entry.id
                   AND offer.schedule_id = schedule.id AND offer.state IN ('declined', 'expired')))"""
CANDIDATES = (
    _filled(" UNION ALL ".join(_CANDIDATE.replace("@where", where) for where in _SOMEWHERE))
    + " ORDER BY priority, rank, id"
)

FREE_PER_SLOT = _filled("""
SELECT slot.id, slot.starts_at, count(place.id)
FROM scheduling_schedule schedule JOIN scheduling_slot slot ON slot.schedule_id = schedule.id
JOIN scheduling_place place ON place.slot_id = slot.id
WHERE schedule.id = %(schedule)s AND slot.starts_at > %(soon)s AND @serves
  AND place.pool IN ('online', 'offered')
  AND (place.state = 'free' OR (place.state = 'held' AND place.pool = 'online' AND place.held_until < %(now)s))
GROUP BY slot.id ORDER BY slot.starts_at""")

# What nobody on the list wants belongs to everybody again; after the walk-in hour to the gate. Not what is being
# gathered for a family.
NOT_WANTED = """
UPDATE scheduling_place SET pool = CASE WHEN %(walk_in)s THEN 'walk_in' ELSE 'online' END
WHERE id IN (SELECT place.id FROM scheduling_place place JOIN scheduling_slot slot ON slot.id = place.slot_id
             WHERE slot.schedule_id = %(schedule)s AND place.state = 'free' AND place.pool = 'offered'
               AND slot.id <> ALL(%(kept_back)s::bigint[])
             ORDER BY place.id FOR UPDATE OF place SKIP LOCKED)"""

KEEP_FOR_OFFER = """
UPDATE scheduling_place SET state = 'held', pool = %(pool)s, held_by = %(offer)s, held_until = %(until)s
WHERE id = ANY(%(places)s::bigint[])"""

# The caller has locked the entry.
END_OPEN_OFFER = """
WITH ended AS (
    UPDATE scheduling_offer SET state = %(state)s, answered_at = %(now)s
    WHERE entry_id = %(entry)s AND state = 'open' RETURNING public_id, schedule_id
), freed AS (
    UPDATE scheduling_place place SET state = 'free', pool = 'offered', held_until = NULL, held_by = NULL
    FROM ended WHERE place.state = 'held' AND place.held_by = ended.public_id
)
SELECT schedule_id FROM ended"""

# Everything a silence means, at once: the places go to the next, the person waits on or has been silent too often.
# An entry that is being answered at this moment is left to its answer.
EXPIRE = """
WITH due AS MATERIALIZED (
    SELECT entry.id AS entry_id, offer.id AS offer_id
    FROM scheduling_offer offer JOIN scheduling_waitlistentry entry ON entry.id = offer.entry_id
    WHERE offer.state = 'open' AND offer.expires_at <= %(now)s
    ORDER BY entry.id LIMIT 500 FOR UPDATE OF entry SKIP LOCKED
), expired AS (
    UPDATE scheduling_offer offer SET state = 'expired', answered_at = %(now)s
    FROM due WHERE offer.id = due.offer_id AND offer.state = 'open'
    RETURNING offer.schedule_id, offer.public_id, offer.entry_id
), freed AS (
    UPDATE scheduling_place place SET state = 'free', pool = 'offered', held_until = NULL, held_by = NULL
    FROM expired WHERE place.state = 'held' AND place.held_by = expired.public_id
), silent AS (
    UPDATE scheduling_waitlistentry entry
    SET missed_offers = entry.missed_offers + 1,
        state = CASE WHEN entry.missed_offers + 1 >= %(limit)s THEN 'ended' ELSE 'waiting' END,
        ended_at = CASE WHEN entry.missed_offers + 1 >= %(limit)s THEN %(now)s::timestamptz END,
        ended_because = CASE WHEN entry.missed_offers + 1 >= %(limit)s THEN 'missed' ELSE '' END
    FROM expired WHERE entry.id = expired.entry_id
    RETURNING entry.id, entry.state
), gone AS (
    UPDATE scheduling_waitlistmember member SET is_active = false
    FROM silent WHERE silent.state = 'ended' AND member.entry_id = silent.id AND member.is_active
)
SELECT expired.schedule_id, silent.id, silent.state FROM expired JOIN silent ON silent.id = expired.entry_id"""

# An offer whose places were taken away (the day was closed or made smaller): the people wait on, in their place.
LOST_PLACES = """
SELECT offer.entry_id FROM scheduling_offer offer JOIN scheduling_waitlistentry entry ON entry.id = offer.entry_id
WHERE offer.state = 'open'
  AND (SELECT count(*) FROM scheduling_place place WHERE place.state = 'held' AND place.held_by = offer.public_id)
      < (SELECT count(*) FROM scheduling_waitlistmember member
         WHERE member.entry_id = offer.entry_id AND member.is_active)
ORDER BY entry.id FOR UPDATE OF entry SKIP LOCKED"""

# Entries whose last day is over, with everything that means; the people are told by the worker.
END_PAST = """
WITH past AS MATERIALIZED (
    SELECT id FROM scheduling_waitlistentry WHERE state IN ('waiting', 'offered') AND last_date < %(today)s
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), ended AS (
    UPDATE scheduling_waitlistentry entry SET state = 'ended', ended_because = 'over', ended_at = %(now)s
    FROM past WHERE entry.id = past.id RETURNING entry.id
), gone AS (
    UPDATE scheduling_waitlistmember member SET is_active = false
    FROM ended WHERE member.entry_id = ended.id AND member.is_active
), withdrawn AS (
    UPDATE scheduling_offer offer SET state = 'withdrawn', answered_at = %(now)s
    FROM ended WHERE offer.entry_id = ended.id AND offer.state = 'open' RETURNING offer.public_id
), freed AS (
    UPDATE scheduling_place place SET state = 'free', pool = 'offered', held_until = NULL, held_by = NULL
    FROM withdrawn WHERE place.state = 'held' AND place.held_by = withdrawn.public_id
), news AS (
    INSERT INTO core_outboxmessage (
        topic, consumer, payload, created_at, state, available_at, attempts, last_error)
    SELECT 'waitlist.ended', consumer, json_build_object('entry_id', ended.id), %(now)s, 'waiting', %(now)s, 0, ''
    FROM ended, unnest(%(consumers)s::text[]) AS consumer
)
SELECT id FROM ended"""
