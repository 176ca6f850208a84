-- Children c from $1 to $2, 500 of a hub, each with a plan, two goals and twenty sessions.
-- An id says whose it is: a letter for its kind, then the number.
INSERT INTO reader (stream_id, organisation_id, kind, reads, released, system, value)
SELECT pg_temp.id('b', c), pg_temp.id('a', c / 500), 'hub', '{[2020-01-01,)}', true,
       'https://ehr.example/mrn', c::text
  FROM generate_series($1::integer, $2::integer) AS c;

INSERT INTO referral (referral_id, youth_id, organisation_id)
SELECT pg_temp.id('c', c), pg_temp.id('b', c), pg_temp.id('a', c / 500)
  FROM generate_series($1::integer, $2::integer) AS c;

INSERT INTO care_plan (care_plan_id, referral_id, youth_id, created_on, version)
SELECT pg_temp.id('d', c), pg_temp.id('c', c), pg_temp.id('b', c), '2026-01-01', 1
  FROM generate_series($1::integer, $2::integer) AS c;

INSERT INTO episode (episode_id, referral_id, youth_id, opened_on)
SELECT pg_temp.id('e', c), pg_temp.id('c', c), pg_temp.id('b', c), '2026-01-01'
  FROM generate_series($1::integer, $2::integer) AS c;

INSERT INTO hub_plan (youth_id, version, referral_id, effective, title, plan_reference, text_at)
SELECT pg_temp.id('b', c), 1, pg_temp.id('c', c), '2026-01-01', 'A plan', 'CarePlan/h-1', now()
  FROM generate_series($1::integer, $2::integer) AS c;

INSERT INTO assignment (assignment_id, referral_id, youth_id, mentor_id, supervisor_id,
                        assigned_on)
SELECT pg_temp.id('d', c), pg_temp.id('c', c), pg_temp.id('b', c), pg_temp.id('2', c / 20),
       pg_temp.id('3', c / 200), '2026-01-01'
  FROM generate_series($1::integer, $2::integer) AS c;

INSERT INTO goal (goal_id, care_plan_id, youth_id, description, category, target, identifiers,
                  lifecycle, status_on, position)
SELECT pg_temp.id('f', c * 2 + g), pg_temp.id('d', c), pg_temp.id('b', c),
       'Ask a classmate to join a game twice a week.', '[]', '[]', '[]', 'active', '2026-01-01', g
  FROM generate_series($1::integer, $2::integer) AS c, generate_series(0, 1) AS g;

INSERT INTO session (session_id, youth_id, referral_id, episode_id, mentor_id, supervisor_id,
                     starts_at, ends_at, place_of_service, modality, billable, texts, state,
                     units, rule_pack_version, signed_at, cosigned_at, updated_at)
SELECT pg_temp.id('1', c * 20 + n), pg_temp.id('b', c), pg_temp.id('c', c), pg_temp.id('e', c),
       pg_temp.id('2', c / 20), pg_temp.id('3', c / 200), at, at + interval '90 minutes', '12',
       'in-person', true, '{}', 'final', 6, '1', at, at, at
  FROM generate_series($1::integer, $2::integer) AS c, generate_series(0, 19) AS n,
       LATERAL (SELECT '2026-01-05 20:00Z'::timestamptz + n * interval '7 days'
                       + c * interval '1 second' AS at) AS held;

INSERT INTO session_goal (session_id, goal_id, position, scale, value, measured_by)
SELECT pg_temp.id('1', c * 20 + n), pg_temp.id('f', c * 2 + n % 2), 0, 'milestone', 2, 'mentor'
  FROM generate_series($1::integer, $2::integer) AS c, generate_series(0, 19) AS n
