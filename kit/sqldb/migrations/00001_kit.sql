-- +goose Up
CREATE TABLE outbox (
    id             {{identity}},
    event_id       TEXT   NOT NULL,
    topic          TEXT   NOT NULL,
    key            TEXT   NOT NULL,
    sequence       BIGINT NOT NULL, -- within (topic, key), from 1; 0: unnumbered
    type           TEXT   NOT NULL,
    source         TEXT   NOT NULL,
    time           BIGINT NOT NULL,
    causation_id   TEXT   NOT NULL,
    correlation_id TEXT   NOT NULL,
    trace_parent   TEXT   NOT NULL,
    headers        TEXT   NOT NULL, -- JSON object of further headers, or empty
    payload        BYTEA,
    sent_at        BIGINT,          -- the broker acknowledged it
    refused        TEXT             -- why the broker will never take it; it holds back its key
);
CREATE UNIQUE INDEX outbox_sequence ON outbox (topic, key, sequence) WHERE sequence > 0;
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;

-- The last message of a key that a consumer has applied.
CREATE TABLE inbox (
    consumer      TEXT   NOT NULL,
    topic         TEXT   NOT NULL,
    key           TEXT   NOT NULL,
    last_sequence BIGINT NOT NULL,
    PRIMARY KEY (consumer, topic, key)
) {{clustered}};

-- Applied messages of sources that do not number theirs.
CREATE TABLE inbox_events (
    consumer   TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, event_id)
) {{clustered}};

CREATE TABLE parked (
    id               {{identity}},
    consumer         TEXT   NOT NULL,
    topic            TEXT   NOT NULL,
    key              TEXT   NOT NULL, -- what waits behind it; a key of its own for a message without an envelope
    sequence         BIGINT NOT NULL,
    event_id         TEXT   NOT NULL,
    record_partition BIGINT NOT NULL,
    record_offset    BIGINT NOT NULL,
    record_key       TEXT   NOT NULL,
    record_time      BIGINT NOT NULL,
    headers          TEXT   NOT NULL, -- JSON object
    payload          BYTEA,           -- NULL: a tombstone
    status           TEXT   NOT NULL, -- waiting, dead
    reason           TEXT   NOT NULL,
    detail           TEXT   NOT NULL,
    attempts         BIGINT NOT NULL,
    next_attempt_at  BIGINT,          -- NULL: when what is before it was applied
    parked_at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX parked_message ON parked (consumer, topic, key, sequence, event_id);
CREATE INDEX parked_due ON parked (consumer, next_attempt_at) WHERE status = 'waiting' AND next_attempt_at IS NOT NULL;

CREATE TABLE consumer_progress (
    consumer  TEXT   NOT NULL,
    topic     TEXT   NOT NULL,
    partition BIGINT NOT NULL,
    passed_at BIGINT NOT NULL, -- everything that the partition held at that instant is handled
    PRIMARY KEY (consumer, topic, partition)
) {{clustered}};

-- Unfinished work only: a job that ends is deleted.
CREATE TABLE jobs (
    kind         TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    payload      BYTEA,
    run_at       BIGINT NOT NULL,
    claimable_at BIGINT NOT NULL, -- run_at, or the end of the lease while it runs
    attempts     BIGINT NOT NULL,
    lease_token  TEXT,            -- of the worker that runs it
    again_at     BIGINT,          -- enqueued again while it runs
    last_error   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
) {{clustered}};
CREATE INDEX jobs_claimable ON jobs (kind, claimable_at, key);

-- +goose Down
DROP TABLE jobs;
DROP TABLE consumer_progress;
DROP TABLE parked;
DROP TABLE inbox_events;
DROP TABLE inbox;
DROP TABLE outbox;
