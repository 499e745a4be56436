// Command generate writes the demonstration's input.
//
//	go run ./dev/catalogue/generate -seed 42 -out dev/catalogue
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"orderflow.example/dev/catalogue"
)

func main() {
	seed := flag.Uint64("seed", 42, "the same seed makes the same files")
	orders := flag.Int("orders", 1200, "how many orders")
	out := flag.String("out", ".", "directory to write products.csv and orders.jsonl to")
	flag.Parse()
	if err := run(*seed, *orders, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(seed uint64, n int, dir string) error {
	if n < 1 {
		return fmt.Errorf("-orders=%d: at least 1", n)
	}
	products, orders := catalogue.Generate(seed, n)
	var csv, jsonl bytes.Buffer
	return errors.Join(
		catalogue.WriteProducts(&csv, products),
		catalogue.WriteOrders(&jsonl, orders),
		os.WriteFile(filepath.Join(dir, "products.csv"), csv.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, "orders.jsonl"), jsonl.Bytes(), 0o644),
	)
}
