package property

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"orderflow.example/dev/registry"
	"orderflow.example/dev/simulator"
)

// registryURL and simulatorURL are started once: nothing in them is shared between schedules but schema ids.
var registryURL, simulatorURL string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := withInfrastructure(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withInfrastructure(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp(fastFolder(), "property-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	schemas, err := registry.Start(registry.Config{DataDir: filepath.Join(dir, "registry")})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, schemas.Close()) }()
	bank, err := simulator.Start(simulator.Config{DataDir: filepath.Join(dir, "provider")})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, bank.Close()) }()
	registryURL, simulatorURL = schemas.URL(), bank.URL()
	defer http.DefaultClient.CloseIdleConnections()
	return run(), nil
}

// fastFolder is in memory where there is such a thing: durability is not what is tested here.
func fastFolder() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}
