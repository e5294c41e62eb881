-- Halts are stored in the books, so that other replicas and later processes do not report the total as exact. A halt
-- is cleared when the partition makes progress. Some halts stay: a log that was truncated, or that lost records
-- before they were counted, may grow past next_offset again. To continue counting then would skip the missing
-- records.
ALTER TABLE partitions
  ADD COLUMN halt_reason text,
  ADD COLUMN halt_message text,
  ADD COLUMN halt_stays boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT halt_is_told CHECK ((halt_reason IS NULL) = (halt_message IS NULL) AND (halt_reason IS NOT NULL OR NOT halt_stays));

-- Stores a halt. Raises SP001 (fenced) if another owner has the partition: then the caller's halt is outdated.
CREATE FUNCTION halt_partition_v1(
  p_log_epoch integer, p_partition integer, p_owner_epoch bigint, p_reason text, p_message text, p_stays boolean
) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE partitions p SET
      halt_reason = CASE WHEN p.halt_stays THEN p.halt_reason ELSE p_reason END,
      halt_message = CASE WHEN p.halt_stays THEN p.halt_message ELSE p_message END,
      halt_stays = p.halt_stays OR p_stays
    WHERE p.log_epoch = p_log_epoch AND p.partition = p_partition AND p.owner_epoch = p_owner_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'SP001', MESSAGE = 'Fenced', DETAIL =
      format('partition %s is not owned with epoch %s any more', p_partition, p_owner_epoch);
  END IF;
END $$;

-- This is a trigger because in a rolling upgrade an older aggregator does not know halts that stay.
CREATE FUNCTION move_on_v1() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.halt_stays THEN
    RAISE EXCEPTION USING ERRCODE = 'SP003', MESSAGE = 'PartitionHalted', DETAIL = OLD.halt_message;
  END IF;
  NEW.halt_reason := NULL;
  NEW.halt_message := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER move_on BEFORE UPDATE ON partitions FOR EACH ROW
  WHEN (OLD.halt_reason IS NOT NULL AND NEW.next_offset <> OLD.next_offset) EXECUTE FUNCTION move_on_v1();
