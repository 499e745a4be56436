package app

import (
	"fmt"
	"time"

	"orderflow.example/kit/service"
)

// Config is what the inventory service reads from its environment. A duration of 0 is the default one.
type Config struct {
	service.Config

	// ReservationExpiry is how long an order's items are held for it: longer than untilConfirmed.
	ReservationExpiry time.Duration `env:"RESERVATION_EXPIRY" envDefault:"15m" atLeast:"1ms"`

	// ExpiryTick is the time between two looks for holds whose time is over.
	ExpiryTick time.Duration `env:"EXPIRY_TICK" envDefault:"1s" atLeast:"1ms"`

	// ImportMaxBytes bounds the CSV file of an import, which is kept in the directory for temporary files meanwhile.
	ImportMaxBytes int64 `env:"IMPORT_MAX_BYTES" envDefault:"67108864" atLeast:"1"`

	// ImportMaxRows bounds the rows of an import, whose ids are remembered while it runs.
	ImportMaxRows int `env:"IMPORT_MAX_ROWS" envDefault:"250000" atLeast:"1"`
}

// untilConfirmed is the longest that the order service lets an order take to its confirmation, by its time limits. Stock
// that is held for less can go to another order while this one is being paid: it is then paid, not served, and refunded.
const untilConfirmed = 10 * time.Minute

// Variables describes the variables that only this service has, for --help.
const Variables = `  RESERVATION_EXPIRY        how long stock is held for an order                      default 15m; more than 10m
  EXPIRY_TICK               between two looks for holds whose time is over           default 1s
  IMPORT_MAX_BYTES          longest CSV file of an import, kept in TMPDIR meanwhile  default 67108864 (64 MiB)
  IMPORT_MAX_ROWS           most rows of an import, whose ids are remembered         default 250000
`

// withDefaults is for a Config that was not read from the environment, too.
func (c Config) withDefaults() (Config, error) {
	if c.ReservationExpiry == 0 {
		c.ReservationExpiry = 15 * time.Minute
	}
	if c.ExpiryTick == 0 {
		c.ExpiryTick = time.Second
	}
	if c.ImportMaxBytes == 0 {
		c.ImportMaxBytes = 64 << 20
	}
	if c.ImportMaxRows == 0 {
		c.ImportMaxRows = 250_000
	}
	switch {
	case c.ReservationExpiry <= untilConfirmed:
		return c, fmt.Errorf("RESERVATION_EXPIRY=%s: must be more than %s, which an order may take to its confirmation", c.ReservationExpiry, untilConfirmed)
	case c.ExpiryTick < 0:
		return c, fmt.Errorf("EXPIRY_TICK=%s: must be positive", c.ExpiryTick)
	case c.ImportMaxBytes < 0:
		return c, fmt.Errorf("IMPORT_MAX_BYTES=%d: must be positive", c.ImportMaxBytes)
	case c.ImportMaxRows < 0:
		return c, fmt.Errorf("IMPORT_MAX_ROWS=%d: must be positive", c.ImportMaxRows)
	}
	return c, nil
}
