-- Kafka gives each topic an id. A topic that is deleted and created again under the same name gets another id. Its
-- records begin at offset 0 again. So continuing at next_offset would skip acknowledged records, but look exact.
--
-- Books from before this version store the first id that they get. Raises SP004 as check_identity_v1 does.
CREATE FUNCTION check_topic_id_v1(p_log_epoch integer, p_topic_id text)
RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_log logs;
BEGIN
  UPDATE logs SET topic_id = p_topic_id WHERE log_epoch = p_log_epoch AND topic_id IS NULL;
  SELECT * INTO STRICT v_log FROM logs WHERE log_epoch = p_log_epoch;
  IF v_log.topic_id <> p_topic_id THEN
    RAISE EXCEPTION USING ERRCODE = 'SP004', MESSAGE = 'LogChanged', DETAIL =
      format('the books count topic %s with id %s; the topic of that name now has id %s, so it was deleted and re-created',
        v_log.topic, v_log.topic_id, p_topic_id);
  END IF;
END $$;
