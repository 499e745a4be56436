-- +goose Up
-- Answers to calls that carried an idempotency key, for a day.
CREATE TABLE idempotency_keys (
    principal    TEXT   NOT NULL, -- who called: a key is its caller's own
    method       TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    request_hash TEXT   NOT NULL, -- SHA-256 of the request, hex
    response     BYTEA,           -- the method's answer
    refusal      BYTEA,           -- google.rpc.Status, when the call was refused
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (principal, method, key)
) {{clustered}};
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
