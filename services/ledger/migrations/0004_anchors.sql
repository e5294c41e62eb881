-- The anchor of a partition is the record at next_offset - 1 as it was counted. Kafka can lose the end of a log (power
-- loss of a broker, an unclean election), and the log can grow past next_offset again. Only the anchor then shows that
-- the log below next_offset has other records.
--
-- Older versions move next_offset but not the anchor, so an anchor is valid only if anchor_offset = next_offset - 1.
ALTER TABLE partitions ADD COLUMN anchor_offset bigint;

-- Does what apply_batch_v1 does, and stores the anchor of the last record of the batch.
CREATE FUNCTION apply_batch_v2(
  p_log_epoch integer, p_partition integer, p_owner_epoch bigint, p_first_offset bigint, p_next_offset bigint,
  p_offsets bigint[], p_request_ids uuid[], p_series text[], p_a numeric[], p_b numeric[], p_values numeric[],
  p_appended_at timestamptz[],
  p_parked_offsets bigint[], p_parked_keys bytea[], p_parked_values bytea[], p_parked_schemas text[],
  p_parked_reasons text[], p_parked_at timestamptz[],
  p_anchor_leader_epoch integer, p_anchor_hash bytea,
  OUT applied bigint, OUT duplicate bigint, OUT conflict bigint, OUT parked bigint
) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  SELECT b.applied, b.duplicate, b.conflict, b.parked
    INTO apply_batch_v2.applied, apply_batch_v2.duplicate, apply_batch_v2.conflict, apply_batch_v2.parked
    FROM apply_batch_v1(
      p_log_epoch, p_partition, p_owner_epoch, p_first_offset, p_next_offset, p_offsets, p_request_ids, p_series, p_a, p_b,
      p_values, p_appended_at, p_parked_offsets, p_parked_keys, p_parked_values, p_parked_schemas, p_parked_reasons,
      p_parked_at) AS b;
  UPDATE partitions SET
      anchor_offset = p_next_offset - 1, anchor_leader_epoch = p_anchor_leader_epoch, anchor_hash = p_anchor_hash
    WHERE log_epoch = p_log_epoch AND partition = p_partition;
END $$;
