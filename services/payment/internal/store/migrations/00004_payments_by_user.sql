-- +goose Up
CREATE INDEX payments_by_user ON payments (user_id, created_at, order_id);

-- +goose Down
DROP INDEX payments_by_user;
