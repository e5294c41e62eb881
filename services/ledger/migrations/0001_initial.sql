-- The books of one pipeline. This schema guarantees exactness: a CHECK enforces the conservation law at every commit.
-- The migrator sets search_path to the pipeline's schema, so no statement below names the schema.

CREATE DOMAIN series_name AS text COLLATE "C"
  CHECK (octet_length(VALUE) BETWEEN 1 AND 200 AND VALUE !~ '[\u0001-\u001f\u007f-\u009f]');

-- NaN and infinities are outside the bounds. 38 digits with 18 after the point are inside.
CREATE DOMAIN amount AS numeric
  CHECK (VALUE > -1e38 AND VALUE < 1e38 AND scale(VALUE) <= 18);

-- One row: the pipeline that owns these books. A schema always belongs to one pipeline.
CREATE TABLE pipeline (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  namespace text NOT NULL,
  name text NOT NULL,
  cluster_id text NOT NULL,
  group_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The logs that were counted, in order. Only an administrator may add a second row.
CREATE TABLE logs (
  log_epoch integer PRIMARY KEY CHECK (log_epoch >= 1),
  cluster_id text NOT NULL,
  topic text NOT NULL,
  topic_id text,
  opened_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE partitions (
  log_epoch integer NOT NULL REFERENCES logs,
  partition integer NOT NULL CHECK (partition >= 0),
  owner_epoch bigint NOT NULL CHECK (owner_epoch >= 0),
  owner text NOT NULL,
  first_offset bigint NOT NULL CHECK (first_offset >= 0),
  next_offset bigint NOT NULL,
  applied bigint NOT NULL DEFAULT 0 CHECK (applied >= 0),
  duplicate bigint NOT NULL DEFAULT 0 CHECK (duplicate >= 0),
  conflict bigint NOT NULL DEFAULT 0 CHECK (conflict >= 0),
  parked bigint NOT NULL DEFAULT 0 CHECK (parked >= 0),
  expired bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),
  anchor_leader_epoch integer,
  anchor_hash bytea,
  newest_applied timestamptz,
  PRIMARY KEY (log_epoch, partition),
  CONSTRAINT conservation_law CHECK (next_offset - first_offset = applied + duplicate + conflict + parked + expired)
) WITH (fillfactor = 50); -- updated once per batch: room for HOT updates

CREATE TABLE ledger (
  request_id uuid PRIMARY KEY,
  series series_name NOT NULL,
  a amount NOT NULL,
  b amount NOT NULL,
  value amount NOT NULL,
  log_epoch integer NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  appended_at timestamptz NOT NULL,
  CONSTRAINT value_is_sum CHECK (value = a + b),
  -- One offset is counted once. The index also finds the rows of a batch and the last rows of a partition.
  CONSTRAINT position_counted_once UNIQUE (log_epoch, partition, "offset")
);

CREATE TABLE totals (
  series series_name NOT NULL,
  log_epoch integer NOT NULL,
  partition integer NOT NULL,
  total numeric NOT NULL,
  count bigint NOT NULL CHECK (count > 0),
  PRIMARY KEY (series, log_epoch, partition),
  FOREIGN KEY (log_epoch, partition) REFERENCES partitions
) WITH (fillfactor = 70);

-- Records whose id is already counted with other operands: kept as evidence, not counted.
CREATE TABLE conflicts (
  log_epoch integer NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  request_id uuid NOT NULL,
  series series_name NOT NULL,
  a amount NOT NULL,
  b amount NOT NULL,
  reason text NOT NULL,
  appended_at timestamptz NOT NULL,
  PRIMARY KEY (log_epoch, partition, "offset")
);
CREATE INDEX conflicts_by_request ON conflicts (request_id);

-- Records that could not be decoded or stored. Their bytes are kept.
CREATE TABLE parked (
  log_epoch integer NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  key bytea,
  value bytea,
  schema_header text,
  reason text NOT NULL,
  appended_at timestamptz NOT NULL,
  PRIMARY KEY (log_epoch, partition, "offset")
);

-- Claims a partition and returns its next owner epoch. Waits for a batch in flight. That batch either commits first,
-- and the new owner continues after it. Or it fails, because its owner epoch is old.
CREATE FUNCTION claim_partition_v1(
  p_namespace text, p_name text, p_cluster_id text, p_group_id text,
  p_log_epoch integer, p_topic text, p_partition integer, p_owner text,
  OUT owner_epoch bigint, OUT first_offset bigint, OUT next_offset bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM check_identity_v1(p_namespace, p_name, p_cluster_id, p_group_id, p_log_epoch, p_topic);
  INSERT INTO partitions AS p (log_epoch, partition, owner_epoch, owner, first_offset, next_offset)
  VALUES (p_log_epoch, p_partition, 1, p_owner, 0, 0)
  ON CONFLICT (log_epoch, partition) DO UPDATE SET owner_epoch = p.owner_epoch + 1, owner = excluded.owner
  RETURNING p.owner_epoch, p.first_offset, p.next_offset
  INTO claim_partition_v1.owner_epoch, claim_partition_v1.first_offset, claim_partition_v1.next_offset;
END $$;

-- Raises SP004 if these books belong to another pipeline. An empty schema has no owner yet.
CREATE FUNCTION check_owner_v1(p_namespace text, p_name text) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_pipeline pipeline;
BEGIN
  SELECT * INTO v_pipeline FROM pipeline;
  IF (v_pipeline.namespace, v_pipeline.name) <> (p_namespace, p_name) THEN
    RAISE EXCEPTION USING ERRCODE = 'SP004', MESSAGE = 'StoreInUse', DETAIL =
      format('the schema holds the books of pipeline %s/%s', v_pipeline.namespace, v_pipeline.name);
  END IF;
END $$;

-- Raises SP004 if these books belong to another pipeline or another log. Changes nothing.
CREATE FUNCTION check_identity_v1(
  p_namespace text, p_name text, p_cluster_id text, p_group_id text, p_log_epoch integer, p_topic text
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_pipeline pipeline;
  v_log logs;
BEGIN
  PERFORM check_owner_v1(p_namespace, p_name);
  SELECT * INTO STRICT v_pipeline FROM pipeline;
  IF v_pipeline.group_id <> p_group_id THEN
    RAISE EXCEPTION USING ERRCODE = 'SP004', MESSAGE = 'GroupChanged', DETAIL =
      format('the books were kept by consumer group %s, not %s', v_pipeline.group_id, p_group_id);
  END IF;
  SELECT * INTO v_log FROM logs ORDER BY log_epoch DESC LIMIT 1;
  IF v_log.log_epoch <> p_log_epoch OR v_log.cluster_id <> p_cluster_id OR v_log.topic <> p_topic THEN
    RAISE EXCEPTION USING ERRCODE = 'SP004', MESSAGE = 'LogChanged', DETAIL =
      format('the books count log %s: topic %s of Kafka cluster %s; this is log %s: topic %s of Kafka cluster %s',
        v_log.log_epoch, v_log.topic, v_log.cluster_id, p_log_epoch, p_topic, p_cluster_id);
  END IF;
END $$;

-- Applies one contiguous batch of one partition, completely or not at all. Gives every record its disposition. Raises
--   SP001 fenced: the caller's owner epoch or offset is not the current one. Drop the batch and claim again.
--   SP002 the batch is not contiguous or does not begin at next_offset.
--   SP003 the dispositions do not add up: the books contradict themselves.
CREATE FUNCTION apply_batch_v1(
  p_log_epoch integer, p_partition integer, p_owner_epoch bigint, p_first_offset bigint, p_next_offset bigint,
  p_offsets bigint[], p_request_ids uuid[], p_series text[], p_a numeric[], p_b numeric[], p_values numeric[],
  p_appended_at timestamptz[],
  p_parked_offsets bigint[], p_parked_keys bytea[], p_parked_values bytea[], p_parked_schemas text[],
  p_parked_reasons text[], p_parked_at timestamptz[],
  OUT applied bigint, OUT duplicate bigint, OUT conflict bigint, OUT parked bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_count bigint := p_next_offset - p_first_offset;
  v_distinct bigint;
  v_newest_applied timestamptz;
  v_lowest bigint;
  v_highest bigint;
  v_recorded bigint;
BEGIN
  -- Step 4 must see commits of concurrent owners. With one snapshot for the whole transaction it would not.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = 'IsolationLevel', DETAIL =
      'apply_batch_v1 needs READ COMMITTED, not ' || current_setting('transaction_isolation');
  END IF;

  -- 1. Fence: lock the row until the commit. The row is updated only in the last step, because the conservation law is
  --    checked on every update of the row.
  PERFORM 1 FROM partitions p
    WHERE p.log_epoch = p_log_epoch AND p.partition = p_partition
      AND p.owner_epoch = p_owner_epoch AND p.next_offset = p_first_offset
    FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'SP001', MESSAGE = 'Fenced', DETAIL = coalesce(
      (SELECT format('partition %s is owned by %s with epoch %s at offset %s; this batch has epoch %s at offset %s',
         p_partition, p.owner, p.owner_epoch, p.next_offset, p_owner_epoch, p_first_offset)
       FROM partitions p WHERE p.log_epoch = p_log_epoch AND p.partition = p_partition),
      format('partition %s was never claimed', p_partition));
  END IF;

  SELECT count(DISTINCT o), min(o), max(o) INTO v_distinct, v_lowest, v_highest
    FROM unnest(p_offsets || p_parked_offsets) o;
  IF v_count < 1 OR v_distinct <> v_count OR v_lowest <> p_first_offset OR v_highest <> p_next_offset - 1
     OR cardinality(p_offsets) + cardinality(p_parked_offsets) <> v_count THEN
    RAISE EXCEPTION USING ERRCODE = 'SP002', MESSAGE = 'NotContiguous', DETAIL =
      format('%s records, %s offsets from %s to %s, do not cover offsets %s to %s of partition %s',
        cardinality(p_offsets) + cardinality(p_parked_offsets), v_distinct, v_lowest, v_highest,
        p_first_offset, p_next_offset - 1, p_partition);
  END IF;

  -- 2. Ledger. Insert in the order of ids: two owners with copies of the same ids must lock them in the same order.
  INSERT INTO ledger (request_id, series, a, b, value, log_epoch, partition, "offset", appended_at)
    SELECT u.request_id, u.series, u.a, u.b, u.value, p_log_epoch, p_partition, u."offset", u.appended_at
    FROM unnest(p_offsets, p_request_ids, p_series, p_a, p_b, p_values, p_appended_at)
      AS u("offset", request_id, series, a, b, value, appended_at)
    ORDER BY u.request_id, u."offset"
    ON CONFLICT (request_id) DO NOTHING;

  -- 3. Totals. Add the sums of the rows that were inserted now, which are found by their positions.
  INSERT INTO totals AS t (series, log_epoch, partition, total, count)
    SELECT l.series, p_log_epoch, p_partition, sum(l.value), count(*)
    FROM ledger l
    WHERE l.log_epoch = p_log_epoch AND l.partition = p_partition
      AND l."offset" >= p_first_offset AND l."offset" < p_next_offset
    GROUP BY l.series ORDER BY l.series
    ON CONFLICT (series, log_epoch, partition)
      DO UPDATE SET total = t.total + excluded.total, count = t.count + excluded.count;

  -- 4. Classify after the insert: only a new snapshot sees copies in this batch and of concurrent owners.
  INSERT INTO conflicts (log_epoch, partition, "offset", request_id, series, a, b, reason, appended_at)
    SELECT p_log_epoch, p_partition, u."offset", u.request_id, u.series, u.a, u.b,
      'the id counts with other operands', u.appended_at
    FROM unnest(p_offsets, p_request_ids, p_series, p_a, p_b, p_appended_at)
      AS u("offset", request_id, series, a, b, appended_at)
    JOIN ledger l ON l.request_id = u.request_id
    WHERE (l.series, l.a, l.b) <> (u.series, u.a, u.b);
  GET DIAGNOSTICS conflict = ROW_COUNT;

  SELECT count(*) FILTER (WHERE is_here), count(*) FILTER (WHERE NOT is_here AND is_same),
      max(appended_at) FILTER (WHERE is_here)
    INTO applied, duplicate, v_newest_applied
    FROM (
      SELECT (l.log_epoch, l.partition, l."offset") = (p_log_epoch, p_partition, u."offset") AS is_here,
        (l.series, l.a, l.b) = (u.series, u.a, u.b) AS is_same, u.appended_at
      FROM unnest(p_offsets, p_request_ids, p_series, p_a, p_b, p_appended_at)
        AS u("offset", request_id, series, a, b, appended_at)
      JOIN ledger l ON l.request_id = u.request_id
    ) AS classified;

  INSERT INTO parked (log_epoch, partition, "offset", key, value, schema_header, reason, appended_at)
    SELECT p_log_epoch, p_partition, u.*
    FROM unnest(p_parked_offsets, p_parked_keys, p_parked_values, p_parked_schemas, p_parked_reasons, p_parked_at) AS u;
  GET DIAGNOSTICS parked = ROW_COUNT;

  v_recorded := applied + duplicate + conflict + parked;
  IF v_recorded <> v_count THEN
    RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = 'DispositionsDoNotAddUp', DETAIL =
      format('%s records but applied %s + duplicate %s + conflict %s + parked %s',
        v_count, applied, duplicate, conflict, parked);
  END IF;

  -- 5. Update the row. If the CHECK conservation_law is false, the transaction fails.
  UPDATE partitions p SET
      next_offset = p_next_offset,
      applied = p.applied + apply_batch_v1.applied,
      duplicate = p.duplicate + apply_batch_v1.duplicate,
      conflict = p.conflict + apply_batch_v1.conflict,
      parked = p.parked + apply_batch_v1.parked,
      newest_applied = greatest(p.newest_applied, v_newest_applied)
    WHERE p.log_epoch = p_log_epoch AND p.partition = p_partition
      AND p.owner_epoch = p_owner_epoch AND p.next_offset = p_first_offset;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = 'FenceVanished', DETAIL = 'the locked row changed';
  END IF;
END $$;
