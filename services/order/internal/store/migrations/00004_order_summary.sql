-- +goose Up
-- The orders of each customer, currency and day, summed up. Every change of an order adds its difference.
CREATE TABLE order_summary (
    user_id    TEXT   NOT NULL,
    currency   TEXT   NOT NULL,
    day        BIGINT NOT NULL, -- of placing, UTC: days since 1970-01-01
    pending    BIGINT NOT NULL, -- orders not paid yet
    active     BIGINT NOT NULL, -- paid and not delivered yet
    completed  BIGINT NOT NULL,
    cancelled  BIGINT NOT NULL,
    refunded   BIGINT NOT NULL,
    paid_total BIGINT NOT NULL, -- minor units, of orders that were paid and are not cancelled
    revenue    BIGINT NOT NULL, -- of that, what was not paid back
    PRIMARY KEY (user_id, currency, day)
) {{clustered}};
CREATE INDEX order_summary_by_day ON order_summary (currency, day);

INSERT INTO order_summary
SELECT user_id, currency, created_at / 86400000000,
    SUM(CASE WHEN status IN ('PENDING', 'CONFIRMED') THEN 1 ELSE 0 END),
    SUM(CASE WHEN status IN ('PAID', 'PROCESSING', 'SHIPPED') THEN 1 ELSE 0 END),
    SUM(CASE WHEN status = 'DELIVERED' THEN 1 ELSE 0 END),
    SUM(CASE WHEN status = 'CANCELLED' THEN 1 ELSE 0 END),
    SUM(CASE WHEN status = 'REFUNDED' THEN 1 ELSE 0 END),
    SUM(CASE WHEN status IN ('PENDING', 'CONFIRMED', 'CANCELLED') THEN 0 ELSE total END),
    SUM(CASE WHEN status IN ('PENDING', 'CONFIRMED', 'CANCELLED') THEN 0 ELSE total - refunded_total END)
FROM orders GROUP BY user_id, currency, created_at / 86400000000;

-- +goose Down
DROP TABLE order_summary;
