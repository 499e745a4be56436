package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// tune fits the runtime to a process that is a broker, four databases and their clients at once. A commit waits in
// fsync, and what comes back from there must not queue behind all that is runnable, hence more processors than cores;
// memory is plentiful beside the work, hence fewer collections. GOMAXPROCS and GOGC in the environment win.
func tune() {
	const processorsPerCore, gcPercent = 4, 400
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processorsPerCore * runtime.NumCPU())
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
