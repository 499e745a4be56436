-- +goose Up
-- How many bytes of notes are the customer's own; the reasons of status changes follow them. -1: not known.
ALTER TABLE orders ADD COLUMN own_notes BIGINT NOT NULL DEFAULT -1;
-- Only moves from PAID on, and cancellations, have reasons.
UPDATE orders SET own_notes = octet_length(notes) WHERE status IN ('PENDING', 'CONFIRMED', 'PAID');
