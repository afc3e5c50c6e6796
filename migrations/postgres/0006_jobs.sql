-- Work by the clock: each (name, key) succeeds once in the cluster. A run belongs to `node` until
-- `lease_until`; after that another may take it over.
CREATE TABLE job (
    name        TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    status      TEXT    NOT NULL CONSTRAINT job_status CHECK (status IN ('start', 'success', 'fail')),
    node        TEXT    NOT NULL,
    lease_until BIGINT  NOT NULL,
    tries       BIGINT  NOT NULL,
    started_at  BIGINT  NOT NULL,
    ended_at    BIGINT,
    rows        BIGINT  NOT NULL DEFAULT 0,
    error       TEXT,
    CONSTRAINT job_pkey PRIMARY KEY (name, key)
);

-- The last runs of a job, newest first.
CREATE INDEX job_newest ON job (name, started_at);
