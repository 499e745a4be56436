-- +goose Up
-- One payment per order. Times are microseconds, 0: not reached.
CREATE TABLE payments (
    order_id           TEXT    NOT NULL PRIMARY KEY,
    id                 TEXT    NOT NULL,
    user_id            TEXT    NOT NULL,
    amount             BIGINT  NOT NULL, -- minor units
    currency           TEXT    NOT NULL,
    token              TEXT    NOT NULL, -- of the means of payment; empty once the provider has decided

    -- The fold of the payment's own events in the outbox.
    version            BIGINT  NOT NULL, -- sequence of the last one
    status             TEXT    NOT NULL,
    authorized         BIGINT  NOT NULL,
    captured           BIGINT  NOT NULL,
    voided             BIGINT  NOT NULL,
    refunded           BIGINT  NOT NULL,
    provider           TEXT    NOT NULL,
    provider_reference TEXT    NOT NULL,
    failure_code       TEXT    NOT NULL,
    failure_reason     TEXT    NOT NULL,
    authorized_at      BIGINT  NOT NULL,
    captured_at        BIGINT  NOT NULL,

    -- What was asked for and how far the work is: no own event tells of it.
    desired            TEXT    NOT NULL,
    capture_amount     BIGINT  NOT NULL,
    asked_by           TEXT    NOT NULL, -- id of the last event that asked for anything
    trace_parent       TEXT    NOT NULL, -- of that event
    in_doubt           BOOLEAN NOT NULL, -- an operation may have reached the provider; its outcome is unknown
    tries              BIGINT  NOT NULL,
    blocked_code       TEXT    NOT NULL,
    blocked_reason     TEXT    NOT NULL,
    refunds            BIGINT  NOT NULL, -- rows in the table refunds
    created_at         BIGINT  NOT NULL,
    updated_at         BIGINT  NOT NULL,

    CONSTRAINT payments_held CHECK (captured >= 0 AND voided >= 0 AND captured + voided <= authorized),
    CONSTRAINT payments_kept CHECK (refunded >= 0 AND refunded <= captured)
) {{clustered}};
CREATE UNIQUE INDEX payments_id ON payments (id);
CREATE INDEX payments_by_time ON payments (created_at, order_id);
CREATE INDEX payments_by_status ON payments (status, created_at, order_id);

CREATE TABLE refunds (
    order_id       TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    amount         BIGINT NOT NULL,
    status         TEXT   NOT NULL,
    failure_code   TEXT   NOT NULL,
    failure_reason TEXT   NOT NULL,
    requested_at   BIGINT NOT NULL,
    settled_at     BIGINT NOT NULL,
    PRIMARY KEY (order_id, id)
) {{clustered}};

-- Double entry, only ever added to. The entries of a journal add up to 0 in its currency; a journal has the id of the
-- event that it books.
CREATE TABLE ledger (
    id          TEXT   NOT NULL PRIMARY KEY,
    journal_id  TEXT   NOT NULL,
    payment_id  TEXT   NOT NULL,
    order_id    TEXT   NOT NULL,
    operation   TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    amount      BIGINT NOT NULL, -- minor units, a debit above 0, a credit below
    currency    TEXT   NOT NULL,
    occurred_at BIGINT NOT NULL
) {{clustered}};
CREATE INDEX ledger_by_order ON ledger (order_id, id);

-- +goose Down
DROP TABLE ledger;
DROP TABLE refunds;
DROP TABLE payments;
