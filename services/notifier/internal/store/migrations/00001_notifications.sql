-- +goose Up
-- One notification per fact. The fact is kept as JSON: it holds what the message says, personal data included.
CREATE TABLE notifications (
    id         TEXT   NOT NULL PRIMARY KEY,
    sequence   BIGINT NOT NULL, -- of its last own event; 0: deliveries are under way
    order_id   TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    fact_id    TEXT   NOT NULL,
    fact_type  TEXT   NOT NULL,
    fact       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications_fact ON notifications (fact_id);
CREATE INDEX notifications_by_order ON notifications (order_id);
CREATE INDEX notifications_by_user ON notifications (user_id, created_at, id);
CREATE INDEX notifications_by_time ON notifications (created_at, id);

CREATE TABLE deliveries (
    id              TEXT   NOT NULL PRIMARY KEY,
    notification_id TEXT   NOT NULL REFERENCES notifications (id),
    position        BIGINT NOT NULL,
    channel         TEXT   NOT NULL,
    recipient       TEXT   NOT NULL,
    status          TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    last_error      TEXT   NOT NULL,
    sent_at         BIGINT
);
CREATE UNIQUE INDEX deliveries_once ON deliveries (notification_id, channel, recipient);

-- +goose Down
DROP TABLE deliveries;
DROP TABLE notifications;
