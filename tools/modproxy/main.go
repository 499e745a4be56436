// Command modproxy packs this workspace's modules into a file-tree Go module proxy, at the versions
// that their dependents' go.mod files pin, so that a module builds and tests with GOWORK=off before
// its dependencies are published.
//
//	go run ./tools/modproxy -root . -out DIR
//	GOPROXY=file://DIR,$(go env GOPROXY) GONOSUMDB=orderflow.example GOWORK=off go build ./...
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const ownPrefix = "orderflow.example/"

func main() {
	root := flag.String("root", ".", "the workspace's root, where go.work stands")
	out := flag.String("out", "", "the folder that becomes the proxy")
	flag.Parse()
	if *out == "" {
		fmt.Fprintln(os.Stderr, "modproxy: -out DIR is required")
		os.Exit(2)
	}
	if err := run(*root, *out); err != nil {
		fmt.Fprintln(os.Stderr, "modproxy:", err)
		os.Exit(1)
	}
}

func run(root, out string) error {
	modules, err := workspaceModules(root)
	if err != nil {
		return err
	}
	for _, version := range pinnedVersions(modules) {
		dir, ok := modules[version.Path]
		if !ok {
			return fmt.Errorf("%s is required, but go.work does not use it", version)
		}
		if err := pack(out, dir.dir, version); err != nil {
			return fmt.Errorf("pack %s: %w", version, err)
		}
		fmt.Println(version)
	}
	return nil
}

type workspaceModule struct {
	dir string
	mod *modfile.File
}

// workspaceModules reads go.work and every go.mod it uses, by module path.
func workspaceModules(root string) (map[string]workspaceModule, error) {
	data, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		return nil, err
	}
	modules := make(map[string]workspaceModule)
	for _, use := range work.Use {
		dir := filepath.Join(root, use.Path)
		name := filepath.Join(dir, "go.mod")
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		mod, err := modfile.Parse(name, data, nil)
		if err != nil {
			return nil, err
		}
		modules[mod.Module.Mod.Path] = workspaceModule{dir: dir, mod: mod}
	}
	return modules, nil
}

// pinnedVersions lists each of our modules at each version that some go.mod requires.
func pinnedVersions(modules map[string]workspaceModule) []module.Version {
	pinned := make(map[module.Version]bool)
	for _, m := range modules {
		for _, require := range m.mod.Require {
			if strings.HasPrefix(require.Mod.Path, ownPrefix) {
				pinned[require.Mod] = true
			}
		}
	}
	versions := make([]module.Version, 0, len(pinned))
	for v := range pinned {
		versions = append(versions, v)
	}
	sort.Slice(versions, func(i, j int) bool { return versions[i].String() < versions[j].String() })
	return versions
}

// pack writes the .info, .mod and .zip files of one version, as the GOPROXY protocol lays them out.
func pack(out, dir string, version module.Version) error {
	escaped, err := module.EscapePath(version.Path)
	if err != nil {
		return err
	}
	folder := filepath.Join(out, escaped, "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	info := fmt.Sprintf("{\"Version\":%q,\"Time\":\"2026-01-01T00:00:00Z\"}\n", version.Version)
	if err := os.WriteFile(filepath.Join(folder, version.Version+".info"), []byte(info), 0o644); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, version.Version+".mod"), mod, 0o644); err != nil {
		return err
	}
	list, err := os.OpenFile(filepath.Join(folder, "list"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(list, version.Version)
	if err = errors.Join(err, list.Close()); err != nil {
		return err
	}
	archive, err := os.Create(filepath.Join(folder, version.Version+".zip"))
	if err != nil {
		return err
	}
	return errors.Join(zip.CreateFromDir(archive, version, dir), archive.Close())
}
