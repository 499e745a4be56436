// Command dev runs the whole of Orderflow on a laptop, in one process, with nothing else installed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"orderflow.example/dev/command"
)

// exitInterrupted is what a shell reports of a command that SIGINT ended.
const exitInterrupted = 130

func main() {
	tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command.Root().ExecuteContext(ctx)
	interrupted := ctx.Err() != nil && errors.Is(err, context.Canceled)
	stop()
	if interrupted {
		fmt.Fprintln(os.Stderr, "dev: interrupted")
		os.Exit(exitInterrupted)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}
