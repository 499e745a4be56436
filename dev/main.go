// Command dev runs the whole of Orderflow on a laptop, in one process, with nothing else installed.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"orderflow.example/dev/command"
)

func main() {
	tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command.Root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}
