-- A recount sums the ledger of one partition again, in chunks, and compares the sums with the totals. The sums are kept.
-- When they were equal to the totals, the recount is a checkpoint: the next recount continues at its next_offset and
-- reads only newer rows. Rows below next_offset do not change, because batches are committed in the order of offsets.
CREATE TABLE recounts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  log_epoch integer NOT NULL,
  partition integer NOT NULL,
  -- The sums contain the rows of the ledger below this offset.
  next_offset bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  moved_at timestamptz NOT NULL DEFAULT now(),
  -- When the sums were first equal to the totals. Null: not compared yet.
  compared_at timestamptz
);
CREATE INDEX recounts_by_partition ON recounts (log_epoch, partition);

CREATE TABLE recount_totals (
  recount bigint NOT NULL REFERENCES recounts ON DELETE CASCADE,
  series series_name NOT NULL,
  total numeric NOT NULL,
  count bigint NOT NULL CHECK (count > 0),
  PRIMARY KEY (recount, series)
) WITH (fillfactor = 70);

-- The comparison reads the totals of one partition. Both columns never change, so updates stay HOT.
CREATE INDEX totals_by_partition ON totals (log_epoch, partition);

-- Returns the id of the recount to continue. p_from:
--   checkpoint  the newest checkpoint, otherwise as renewal
--   renewal     the newest recount that was not compared yet, otherwise a new one
--   start       always a new one, so that every row is read now
CREATE FUNCTION begin_recount_v1(p_log_epoch integer, p_partition integer, p_from text)
RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_id bigint;
BEGIN
  SELECT r.id INTO v_id FROM recounts r
    WHERE r.log_epoch = p_log_epoch AND r.partition = p_partition
      AND (p_from = 'checkpoint' OR p_from = 'renewal' AND r.compared_at IS NULL)
    ORDER BY r.compared_at IS NULL, r.id DESC LIMIT 1;
  IF v_id IS NULL THEN
    INSERT INTO recounts (log_epoch, partition, next_offset)
    VALUES (p_log_epoch, p_partition, coalesce(
      (SELECT min(l."offset") FROM ledger l WHERE l.log_epoch = p_log_epoch AND l.partition = p_partition), 0))
    RETURNING id INTO v_id;
  END IF;
  RETURN v_id;
END $$;

-- Adds the rows of at most p_offsets_max offsets to the sums. Returns true if the recount has reached the next offset of
-- the partition, false if rows are left, null if the recount was deleted. Needs READ COMMITTED: the rows are read in a
-- later statement than the next offset, so that all rows below it are visible.
CREATE FUNCTION continue_recount_v1(p_id bigint, p_offsets_max bigint)
RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_recount recounts;
  v_end bigint;
  v_to bigint;
BEGIN
  SELECT * INTO v_recount FROM recounts r WHERE r.id = p_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT p.next_offset INTO v_end FROM partitions p
    WHERE p.log_epoch = v_recount.log_epoch AND p.partition = v_recount.partition;
  -- If the row in table partitions was lost, the comparison reads the remaining rows.
  IF v_end IS NULL OR v_end <= v_recount.next_offset THEN
    RETURN true;
  END IF;
  v_to := least(v_end, v_recount.next_offset + p_offsets_max);
  INSERT INTO recount_totals AS t (recount, series, total, count)
    SELECT p_id, l.series, sum(l.value), count(*) FROM ledger l
    WHERE l.log_epoch = v_recount.log_epoch AND l.partition = v_recount.partition
      AND l."offset" >= v_recount.next_offset AND l."offset" < v_to
    GROUP BY l.series ORDER BY l.series
    ON CONFLICT (recount, series) DO UPDATE SET total = t.total + excluded.total, count = t.count + excluded.count;
  UPDATE recounts SET next_offset = v_to, moved_at = now() WHERE id = p_id;
  RETURN v_to = v_end;
END $$;

-- Ends a recount after the comparison. If the sums are equal, it is the checkpoint: deletes the older checkpoint, and
-- recounts that have not moved for a day. Otherwise deletes every recount of the partition, so that the next one reads
-- every row: an unfinished recount may still contain a row that was deleted since.
CREATE FUNCTION end_recount_v1(p_id bigint, p_is_equal boolean)
RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_recount recounts;
BEGIN
  SELECT * INTO v_recount FROM recounts r WHERE r.id = p_id;
  IF NOT p_is_equal THEN
    DELETE FROM recounts r WHERE r.log_epoch = v_recount.log_epoch AND r.partition = v_recount.partition;
    RETURN;
  END IF;
  UPDATE recounts SET compared_at = now() WHERE id = p_id AND compared_at IS NULL;
  DELETE FROM recounts r WHERE r.log_epoch = v_recount.log_epoch AND r.partition = v_recount.partition AND r.id <> p_id
    AND (r.compared_at IS NOT NULL OR r.moved_at < now() - interval '1 day');
END $$;
