-- +goose Up
-- What no order did to the stock, append-only. A row belongs to the StockAdjusted event of its sequence in inventory.events.
CREATE TABLE stock_adjustments (
    product_id  TEXT   NOT NULL,
    sequence    BIGINT NOT NULL,
    delta       BIGINT NOT NULL,
    on_hand     BIGINT NOT NULL, -- after it
    reason      TEXT   NOT NULL,
    actor       TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    occurred_at BIGINT NOT NULL,
    PRIMARY KEY (product_id, sequence)
) {{clustered}};
CREATE INDEX stock_adjustments_newest ON stock_adjustments (occurred_at, product_id, sequence);

-- Which orders hold, or held, a product.
CREATE INDEX reservation_lines_product ON reservation_lines (product_id, order_id);

-- +goose Down
DROP INDEX reservation_lines_product;
DROP TABLE stock_adjustments;
