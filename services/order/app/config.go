package app

import (
	"cmp"
	"fmt"
	"time"

	"orderflow.example/kit/service"
	"orderflow.example/order/internal/order"
)

// Config is what the order service reads from its environment. A limit of 0 is the default one.
type Config struct {
	service.Config

	// PaymentTokenRequired refuses an order that carries no payment token.
	PaymentTokenRequired bool `env:"PAYMENT_TOKEN_REQUIRED" envDefault:"true"`

	// MaxUnpaidOrders is how many orders of one customer may be PENDING or CONFIRMED at a time; 0: any number.
	MaxUnpaidOrders int64 `env:"MAX_UNPAID_ORDERS_PER_USER" envDefault:"20"`

	// SagaTick is the time between two looks for steps past their limit.
	SagaTick time.Duration `env:"SAGA_TICK" envDefault:"1s" atLeast:"1ms"`

	// WatchHeartbeat is how long a watch over REST is silent at most.
	WatchHeartbeat time.Duration `env:"WATCH_HEARTBEAT" envDefault:"15s" atLeast:"1ms"`

	// The first two limits cancel the order and add up to 10 minutes at most; the others only alert.
	LimitReserveStock     time.Duration `env:"SAGA_LIMIT_RESERVE_STOCK" envDefault:"2m" atLeast:"1ms"`
	LimitAuthorizePayment time.Duration `env:"SAGA_LIMIT_AUTHORIZE_PAYMENT" envDefault:"8m" atLeast:"1ms"`
	LimitCommitStock      time.Duration `env:"SAGA_LIMIT_COMMIT_STOCK" envDefault:"5m" atLeast:"1ms"`
	LimitCapturePayment   time.Duration `env:"SAGA_LIMIT_CAPTURE_PAYMENT" envDefault:"15m" atLeast:"1ms"`
	LimitReturnMoney      time.Duration `env:"SAGA_LIMIT_RETURN_MONEY" envDefault:"1h" atLeast:"1ms"`
	LimitPayRefund        time.Duration `env:"SAGA_LIMIT_PAY_REFUND" envDefault:"1h" atLeast:"1ms"`
}

// Variables describes the variables that only this service has, for --help.
const Variables = `  PAYMENT_TOKEN_REQUIRED    refuse orders without a payment token                     default true
  MAX_UNPAID_ORDERS_PER_USER   orders of a customer that may hold stock unpaid; 0 any   default 20
  SAGA_TICK                 between two looks for steps past their limit             default 1s
  WATCH_HEARTBEAT           how long a watch over REST is silent at most              default 15s
  SAGA_LIMIT_RESERVE_STOCK, SAGA_LIMIT_AUTHORIZE_PAYMENT   cancel the order          default 2m, 8m; together at most 10m
  SAGA_LIMIT_COMMIT_STOCK, SAGA_LIMIT_CAPTURE_PAYMENT      alert                     default 5m, 15m
  SAGA_LIMIT_RETURN_MONEY, SAGA_LIMIT_PAY_REFUND           alert                     default 1h, 1h
`

// tick is for a Config that was not read from the environment, too.
func (c Config) tick() (time.Duration, error) {
	switch {
	case c.SagaTick == 0:
		return time.Second, nil
	case c.SagaTick < 0:
		return 0, fmt.Errorf("SAGA_TICK=%s: must be positive", c.SagaTick)
	}
	return c.SagaTick, nil
}

func (c Config) maxUnpaid() (int64, error) {
	if c.MaxUnpaidOrders < 0 {
		return 0, fmt.Errorf("MAX_UNPAID_ORDERS_PER_USER=%d: must be 0 (any number) or more", c.MaxUnpaidOrders)
	}
	return c.MaxUnpaidOrders, nil
}

// heartbeat is for a Config that was not read from the environment, too.
func (c Config) heartbeat() (time.Duration, error) {
	if c.WatchHeartbeat < 0 {
		return 0, fmt.Errorf("WATCH_HEARTBEAT=%s: must be positive", c.WatchHeartbeat)
	}
	return cmp.Or(c.WatchHeartbeat, 15*time.Second), nil
}

func (c Config) limits() (order.Limits, error) {
	limits := order.DefaultLimits()
	for step, limit := range map[order.Step]time.Duration{
		order.ReserveStock:     c.LimitReserveStock,
		order.AuthorizePayment: c.LimitAuthorizePayment,
		order.CommitStock:      c.LimitCommitStock,
		order.CapturePayment:   c.LimitCapturePayment,
		order.ReturnMoney:      c.LimitReturnMoney,
		order.PayRefund:        c.LimitPayRefund,
	} {
		if limit != 0 {
			limits[step] = limit
		}
	}
	if err := limits.Validate(); err != nil {
		return nil, fmt.Errorf("SAGA_LIMIT_…: %w", err)
	}
	return limits, nil
}
