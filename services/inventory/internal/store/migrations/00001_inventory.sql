-- +goose Up
-- Instants are microseconds since 1970, 0 for none.
CREATE TABLE products (
    id          TEXT    NOT NULL PRIMARY KEY,
    sku         TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    price       BIGINT  NOT NULL, -- minor units
    currency    TEXT    NOT NULL,
    version     BIGINT  NOT NULL, -- the last sequence of its key in product.events
    archived    BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);
CREATE UNIQUE INDEX products_sku ON products (sku);

-- A row of its own, small, because every order of the product changes it.
CREATE TABLE stock (
    product_id    TEXT   NOT NULL PRIMARY KEY REFERENCES products (id),
    on_hand       BIGINT NOT NULL,
    reserved      BIGINT NOT NULL,
    initial       BIGINT NOT NULL,
    adjustments   BIGINT NOT NULL,
    committed     BIGINT NOT NULL,
    returned      BIGINT NOT NULL,
    low_threshold BIGINT NOT NULL,
    sequence      BIGINT NOT NULL, -- the last of its key in inventory.events
    CONSTRAINT stock_not_oversold CHECK (reserved >= 0 AND reserved <= on_hand),
    CONSTRAINT stock_adds_up CHECK (on_hand = initial + adjustments - committed + returned)
) {{clustered}};

CREATE TABLE reservations (
    order_id   TEXT   NOT NULL PRIMARY KEY,
    status     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    sequence   BIGINT NOT NULL, -- the last of its key in inventory.events
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) {{clustered}};
CREATE INDEX reservations_due ON reservations (expires_at, order_id) WHERE status = 'HELD';

CREATE TABLE reservation_lines (
    order_id   TEXT   NOT NULL,
    product_id TEXT   NOT NULL,
    quantity   BIGINT NOT NULL,
    PRIMARY KEY (order_id, product_id)
) {{clustered}};

-- +goose Down
DROP TABLE reservation_lines;
DROP TABLE reservations;
DROP TABLE stock;
DROP TABLE products;
