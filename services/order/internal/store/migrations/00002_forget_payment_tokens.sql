-- +goose Up
-- A payment token is kept only until the payment is requested.
UPDATE orders SET payment_token = '' WHERE payment_token <> '' AND step <> 'RESERVE_STOCK';
