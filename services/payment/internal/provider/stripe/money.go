package stripe

import (
	"fmt"
	"strings"

	"orderflow.example/payment/internal/provider"
)

// Our amounts are minor units as ISO 4217 has them; Stripe's are the currency's smallest unit as Stripe has it
// (docs.stripe.com/currencies). For most currencies, won and yen with no decimals among them, both are the same.
var (
	// Stripe charges in two decimals what has none in ISO 4217; the decimals must be 00.
	hundredfold = map[string]bool{"ISK": true, "UGX": true}
	// Stripe charges without decimals what has two in ISO 4217.
	hundredth = map[string]bool{"MGA": true}
	// Three decimals in both; the last digit must be 0.
	tens = map[string]bool{"BHD": true, "JOD": true, "KWD": true, "OMR": true, "TND": true}
)

// toStripe is the amount as Stripe wants it. An error is an amount that Stripe can't charge in the currency.
func toStripe(amount int64, currency string) (int64, error) {
	switch {
	case hundredfold[currency]:
		return amount * 100, nil
	case hundredth[currency] && amount%100 == 0:
		return amount / 100, nil
	case hundredth[currency], tens[currency] && amount%10 != 0:
		return 0, &provider.Error{
			Class: provider.Permanent, Code: "amount_not_chargeable", Reason: fmt.Sprintf("%d minor units of %s can't be charged exactly by card.", amount, currency),
		}
	}
	return amount, nil
}

// fromStripe is an amount of Stripe's in ISO minor units.
func fromStripe(amount int64, currency string) int64 {
	switch {
	case hundredfold[strings.ToUpper(currency)]:
		return amount / 100
	case hundredth[strings.ToUpper(currency)]:
		return amount * 100
	}
	return amount
}
