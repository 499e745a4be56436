-- +goose Up
-- A return of a cancelled order's money that the provider refused, and a person had asked for again.
ALTER TABLE payments ADD COLUMN again BIGINT NOT NULL DEFAULT 0; -- how often
ALTER TABLE payments ADD COLUMN reasking BOOLEAN NOT NULL DEFAULT FALSE; -- the provider has not answered yet

-- +goose Down
ALTER TABLE payments DROP COLUMN reasking;
ALTER TABLE payments DROP COLUMN again;
