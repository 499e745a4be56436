package catalogue

import (
	"fmt"
	"math/rand/v2"
	"sort"
)

// plenty is the stock of what never sells out, even when the demonstration is repeated many times.
const plenty = 100_000

// scarce are the stocks of limited products, by their place in popularity: enough demand meets too little stock.
var scarce = map[int]int64{9: 60, 14: 40, 20: 20, 27: 12, 35: 6, 44: 3, 55: 0}

// Generate makes the products and n orders. The same seed makes the same ones.
func Generate(seed uint64, n int) ([]Product, []Order) {
	random := rand.New(rand.NewPCG(seed, 0))
	products, popular := makeProducts(random)
	fates := makeFates(random, n)
	orders := make([]Order, n)
	for i := range orders {
		orders[i] = makeOrder(random, popular, fates[i])
	}
	return products, orders
}

// makeProducts returns the products, and their ids in the order of popularity: p1 comes first.
func makeProducts(random *rand.Rand) (products []Product, popular []string) {
	for i, g := range goods {
		products = append(products, Product{
			ID: fmt.Sprintf("p%d", i+1), SKU: fmt.Sprintf("%s-%03d", g.group, i+1), Name: g.name, Price: g.price, Currency: "KRW",
		})
	}
	places := random.Perm(len(products) - 1) // of p2 and the following
	popular = make([]string, len(products))
	for i := range products {
		place := 0
		if i > 0 {
			place = places[i-1] + 1
		}
		popular[place] = products[i].ID
		stock, isScarce := scarce[place+1]
		switch {
		case i == 0:
			stock = plenty
		case !isScarce:
			stock = int64(5+random.IntN(16)) * 1000
		}
		products[i].Stock, products[i].LowStockThreshold = stock, min(stock/4, 50)
	}
	return products, popular
}

// fate is what becomes of an order through its card and its customer.
type fate struct{ token, cancelAfter string }

// shares are the fates out of the ordinary, in orders of 1,200.
var shares = []struct {
	fate
	of1200 int
}{
	{fate{token: "tok_declined"}, 36},
	{fate{token: "tok_insufficient_funds"}, 18},
	{fate{token: "tok_capture_declined"}, 6},
	{fate{token: "tok_slow"}, 12},
	{fate{token: "tok_lost_answer"}, 12},
	{fate{token: "tok_500_then_ok"}, 12},
	{fate{token: "tok_ok", cancelAfter: CancelAfterPlaced}, 30},
	{fate{token: "tok_ok", cancelAfter: CancelAfterPaid}, 18},
}

func makeFates(random *rand.Rand, n int) []fate {
	fates := make([]fate, 0, n)
	for _, s := range shares {
		for range s.of1200 * n / 1200 {
			fates = append(fates, s.fate)
		}
	}
	for len(fates) < n {
		fates = append(fates, fate{token: "tok_ok"})
	}
	random.Shuffle(n, func(i, j int) { fates[i], fates[j] = fates[j], fates[i] })
	return fates
}

func makeOrder(random *rand.Rand, popular []string, f fate) Order {
	address := pick(random, streets)(random)
	o := Order{UserID: fmt.Sprintf("u%d", 1+random.IntN(400)), PaymentToken: f.token, CancelAfter: f.cancelAfter, ShippingAddress: address}
	if random.IntN(10) == 0 {
		o.BillingAddress = pick(random, streets)(random)
	}
	if random.IntN(10) < 4 {
		o.Notes = pick(random, wishes)
	}
	taken := map[string]bool{}
	for range 1 + weighted(random, itemCounts) {
		id := popular[weighted(random, popularity(len(popular)))]
		if taken[id] {
			continue // the customer puts it into the basket once
		}
		taken[id] = true
		o.Items = append(o.Items, Item{ProductID: id, Quantity: int64(1 + weighted(random, quantities))})
	}
	return o
}

// The weights of 1, 2, 3, ... items and pieces.
var (
	itemCounts = []int{35, 30, 20, 10, 5}
	quantities = []int{65, 22, 8, 3, 2}
)

// popularity gives the n-th product a share of 1/n (Zipf's law).
func popularity(n int) []int {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1_000_000 / (i + 1)
	}
	return weights
}

// weighted draws an index.
func weighted(random *rand.Rand, weights []int) int {
	upTo := make([]int, len(weights))
	sum := 0
	for i, w := range weights {
		sum += w
		upTo[i] = sum
	}
	return sort.SearchInts(upTo, random.IntN(sum)+1)
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
