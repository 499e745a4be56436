-- +goose Up
-- One row: what is in the cache counts only when it was put there in this epoch, and nothing of it before the instant (microseconds).
CREATE TABLE cache_gate (
    id              BIGINT NOT NULL PRIMARY KEY,
    epoch           TEXT   NOT NULL,
    suspended_until BIGINT NOT NULL
) {{clustered}};
INSERT INTO cache_gate (id, epoch, suspended_until) VALUES (1, '', 0);

-- +goose Down
DROP TABLE cache_gate;
