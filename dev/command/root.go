// Package command is the command line of the dev module: up, demo, check and token.
package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"orderflow.example/dev/platform"
)

// options are the flags that all commands share.
type options struct {
	data       string
	portOffset int
}

// Root is the whole command.
func Root() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:           "dev",
		Short:         "Orderflow on a laptop: the whole platform in one process",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) (err error) {
			if o.portOffset < 0 || o.portOffset > 50_000 {
				return fmt.Errorf("--port-offset %d: must be 0 to 50000", o.portOffset)
			}
			if o.data == "" {
				o.data, err = platform.DefaultDataDir()
			}
			return err
		},
	}
	root.PersistentFlags().StringVar(&o.data, "data", "", "folder that keeps the state (default: orderflow in the user's cache directory)")
	root.PersistentFlags().IntVar(&o.portOffset, "port-offset", 0, "added to every port")
	root.AddCommand(up(o), demoCommand(o), checkCommand(o), token(o))
	return root
}

func (o *options) ports() platform.Ports { return platform.DefaultPorts(o.portOffset) }

// given repeats the flags that another command needs to find the same platform; empty when it does so by itself.
func (o *options) given() string {
	flags := ""
	if usual, err := platform.DefaultDataDir(); err != nil || usual != o.data {
		flags = " --data " + o.data
	}
	if o.portOffset != 0 {
		flags += fmt.Sprintf(" --port-offset %d", o.portOffset)
	}
	return flags
}
