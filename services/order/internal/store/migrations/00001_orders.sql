-- +goose Up
-- A row is the snapshot of the fold of the order's own events in the outbox. Its lines and refunds belong to it alone
-- and are never read without it, so they are columns. Times are microseconds, 0: not reached.
CREATE TABLE orders (
    id               TEXT   NOT NULL PRIMARY KEY,
    version          BIGINT NOT NULL, -- sequence of the last own event
    number           TEXT   NOT NULL,
    user_id          TEXT   NOT NULL,
    customer_name    TEXT   NOT NULL,
    customer_email   TEXT   NOT NULL,
    status           TEXT   NOT NULL,
    payment_status   TEXT   NOT NULL,
    items            TEXT   NOT NULL, -- JSON array
    total            BIGINT NOT NULL,
    currency         TEXT   NOT NULL,
    payment_token    TEXT   NOT NULL,
    shipping_address TEXT   NOT NULL,
    billing_address  TEXT   NOT NULL,
    notes            TEXT   NOT NULL,
    metadata         TEXT   NOT NULL,
    payment_id       TEXT   NOT NULL,
    transaction_id   TEXT   NOT NULL,
    cancel_cause     TEXT   NOT NULL,
    cancel_reason    TEXT   NOT NULL,
    carrier          TEXT   NOT NULL,
    tracking_number  TEXT   NOT NULL,
    refunded_total   BIGINT NOT NULL,
    refunds          TEXT   NOT NULL, -- JSON array, empty text: none
    step             TEXT   NOT NULL, -- of the saga; empty: nothing is under way
    step_since       BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    confirmed_at     BIGINT NOT NULL,
    paid_at          BIGINT NOT NULL,
    shipped_at       BIGINT NOT NULL,
    delivered_at     BIGINT NOT NULL,
    cancelled_at     BIGINT NOT NULL,
    refunded_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX orders_number ON orders (number);
CREATE INDEX orders_by_user ON orders (user_id, created_at, id);
CREATE INDEX orders_by_status ON orders (status, created_at, id);
CREATE INDEX orders_by_time ON orders (created_at, id);
CREATE INDEX orders_in_saga ON orders (step_since, id) WHERE step <> '';

-- What other services said about an order; its own events are in the outbox.
CREATE TABLE order_history (
    order_id     TEXT   NOT NULL,
    event_id     TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    topic        TEXT   NOT NULL,
    sequence     BIGINT NOT NULL,
    source       TEXT   NOT NULL,
    occurred_at  BIGINT NOT NULL,
    causation_id TEXT   NOT NULL,
    summary      TEXT   NOT NULL,
    PRIMARY KEY (order_id, event_id)
) {{clustered}};

-- Read model of inventory's products, fed by product.events.
CREATE TABLE products (
    id       TEXT    NOT NULL PRIMARY KEY,
    sku      TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    price    BIGINT  NOT NULL,
    currency TEXT    NOT NULL,
    version  BIGINT  NOT NULL,
    archived BOOLEAN NOT NULL
) {{clustered}};

-- +goose Down
DROP TABLE products;
DROP TABLE order_history;
DROP TABLE orders;
