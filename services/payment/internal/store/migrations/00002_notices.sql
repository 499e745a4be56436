-- +goose Up
-- What providers' webhooks said, a row per event: a replay finds its row and changes nothing. Of the body only this is
-- kept, which names no person.
CREATE TABLE notices (
    provider    TEXT    NOT NULL,
    event_id    TEXT    NOT NULL, -- the provider's
    type        TEXT    NOT NULL, -- the provider's name of it
    order_id    TEXT    NOT NULL,
    payment_id  TEXT    NOT NULL,
    reference   TEXT    NOT NULL, -- the provider's id of the payment
    kind        TEXT    NOT NULL,
    succeeded   BOOLEAN NOT NULL,
    amount      BIGINT  NOT NULL, -- minor units
    currency    TEXT    NOT NULL,
    refund_id   TEXT    NOT NULL,
    standing    TEXT    NOT NULL, -- OPEN, AGREES or CONTRADICTS
    reason      TEXT    NOT NULL, -- of CONTRADICTS
    received_at BIGINT  NOT NULL,
    judged_at   BIGINT  NOT NULL, -- 0: still OPEN
    PRIMARY KEY (event_id, provider)
) {{clustered}};
CREATE INDEX notices_by_standing ON notices (standing, received_at);

-- +goose Down
DROP TABLE notices;
