-- The tables of live_postgres.py. Apply it once, by hand, as the owner of the tables:
--     psql shop --single-transaction -v ON_ERROR_STOP=1 -f examples/live_postgres.sql
-- Your own code writes to the table `origins` only. The triggers do the rest, in the same transaction.

CREATE TABLE origins (origin text PRIMARY KEY);

-- One row. It is 0 until somebody writes to `origins`: a new database is not an empty list.
CREATE TABLE origins_version (number bigint NOT NULL);
INSERT INTO origins_version VALUES (0);

-- The origins that each statement changed, so that a worker reads those and not all. NULL: it reads all.
CREATE TABLE origins_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number bigint,
    origins text[]
);
CREATE INDEX ON origins_changes (number);

-- SECURITY DEFINER: who may write to `origins` needs no right to the other two tables.
CREATE FUNCTION note_origins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    changed text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT coalesce(array_agg(origin), '{}') INTO changed FROM added;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT coalesce(array_agg(origin), '{}') INTO changed FROM removed;
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT coalesce(array_agg(origin), '{}') INTO changed
            FROM (SELECT origin FROM added UNION SELECT origin FROM removed) AS both_tables;
    END IF;
    IF cardinality(changed) > 10000 THEN
        changed := NULL;
    END IF;
    INSERT INTO origins_changes (origins) VALUES (changed);
    RETURN NULL;
END $$;

CREATE TRIGGER note_insert AFTER INSERT ON origins
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_origins();
CREATE TRIGGER note_delete AFTER DELETE ON origins
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION note_origins();
CREATE TRIGGER note_update AFTER UPDATE ON origins
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_origins();
CREATE TRIGGER note_truncate AFTER TRUNCATE ON origins
    FOR EACH STATEMENT EXECUTE FUNCTION note_origins();

-- A change gets its number at COMMIT, so that a writer makes others wait for its COMMIT only, not for all of
-- its transaction. The last 1,000 changes stay: a worker that missed more reads the whole table.
CREATE FUNCTION number_origins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    next bigint;
BEGIN
    UPDATE origins_version SET number = number + 1 RETURNING number INTO next;
    UPDATE origins_changes SET number = next WHERE id = NEW.id;
    IF next % 100 = 0 THEN
        DELETE FROM origins_changes WHERE number <= next - 1000;
    END IF;
    NOTIFY origins;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER number_change AFTER INSERT ON origins_changes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION number_origins();
