package payment

import (
	"hash/fnv"
	"time"
)

const (
	firstRetry   = time.Second // before the second try; 2 s before the third
	longestRetry = time.Minute
	longestWish  = 5 * time.Minute // of a provider that asks to be left alone
)

// RetryIn is how long to wait with the payment's next operation after the outcome: not at all when it was definite,
// else 1 s, 2 s and so on with the tries, doubling up to a minute, and never less than the outcome asks for. Up to a quarter more
// spreads the calls of many payments; it depends on nothing but the payment and its tries.
func (p *Payment) RetryIn(out Outcome) time.Duration {
	if out.Definite() {
		return 0
	}
	delay := longestRetry
	if doublings := p.Tries - 1; doublings < 6 {
		delay = min(longestRetry, firstRetry<<max(0, doublings))
	}
	delay = max(delay, min(out.RetryAfter, longestWish))
	return delay + delay*p.spread()/(4*spreads)
}

const spreads = 1024

// spread is a number below spreads.
func (p *Payment) spread() time.Duration {
	h := fnv.New32a()
	h.Write([]byte(p.OrderID))
	h.Write([]byte{byte(p.Tries)})
	return time.Duration(h.Sum32() % spreads)
}
