-- The tables of tenants.py. Apply it once, by hand:
--     sqlite3 tenants.db < examples/tenants.sql
-- Your own code writes to the table `tenants` only. The triggers do the rest, in the same transaction.

BEGIN;
CREATE TABLE tenants (
    host TEXT NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY (host, origin)
) WITHOUT ROWID;

-- One row. It is 0 until somebody writes to `tenants`: a new database is not an empty list.
CREATE TABLE tenants_version (number INTEGER NOT NULL);
INSERT INTO tenants_version VALUES (0);

-- The last 10,000 rows that were added or deleted, so that a worker reads those and not all.
CREATE TABLE tenants_changes (
    number INTEGER PRIMARY KEY,
    added INTEGER NOT NULL,
    host TEXT NOT NULL,
    origin TEXT NOT NULL
);

CREATE TRIGGER tenants_insert AFTER INSERT ON tenants BEGIN
    UPDATE tenants_version SET number = number + 1;
    INSERT INTO tenants_changes SELECT number, 1, NEW.host, NEW.origin FROM tenants_version;
END;
CREATE TRIGGER tenants_delete AFTER DELETE ON tenants BEGIN
    UPDATE tenants_version SET number = number + 1;
    INSERT INTO tenants_changes SELECT number, 0, OLD.host, OLD.origin FROM tenants_version;
END;
CREATE TRIGGER tenants_update AFTER UPDATE ON tenants BEGIN
    UPDATE tenants_version SET number = number + 2;
    INSERT INTO tenants_changes SELECT number - 1, 0, OLD.host, OLD.origin FROM tenants_version;
    INSERT INTO tenants_changes SELECT number, 1, NEW.host, NEW.origin FROM tenants_version;
END;
CREATE TRIGGER tenants_changes_limit AFTER INSERT ON tenants_changes BEGIN
    DELETE FROM tenants_changes WHERE number <= NEW.number - 10000;
END;
COMMIT;
