// Command catalogue writes the catalogue of topics and events, as an AsyncAPI document and as a page, from the schemas, topics.go, facts.txt
// and readers.txt. Run it from the schemas folder: go generate
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	topics, err := collect()
	if err != nil {
		return err
	}
	document, err := asyncAPI(topics)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out+"/asyncapi.json", document, 0o644); err != nil {
		return err
	}
	html, err := page(topics)
	if err != nil {
		return err
	}
	return os.WriteFile(out+"/events.html", html, 0o644)
}
