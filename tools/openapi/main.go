// Command openapi makes the OpenAPI 3 document of each service's REST interface: what protoc-gen-openapiv2 reads from the .proto files,
// brought to version 3, with limits, rights, headers and errors from the descriptors, and with what only people can tell, such as
// examples, from an overlay. It fails when an operation has no summary or lacks an example.
//
// Run by proto/generate.sh.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	image := flag.String("image", "", "descriptors, as `buf build -o` writes them")
	swagger := flag.String("swagger", "", "folder of the OpenAPI 2 documents, <service>.swagger.json")
	overlays := flag.String("overlays", "", "folder of common.yaml and <service>.yaml")
	out := flag.String("out", "", "folder that gets <service>.json")
	flag.Parse()
	if err := run(*image, *swagger, *overlays, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(image, swagger, overlays, out string, services []string) error {
	descriptors, err := readImage(image)
	if err != nil {
		return err
	}
	common, err := readOverlay(filepath.Join(overlays, "common.yaml"))
	if err != nil {
		return err
	}
	for _, service := range services {
		own, err := readOverlay(filepath.Join(overlays, service+".yaml"))
		if err != nil {
			return err
		}
		old, err := os.ReadFile(filepath.Join(swagger, service+".swagger.json"))
		if err != nil {
			return err
		}
		document, err := generate(old, descriptors, common, own)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(overlays, service+".yaml"), err)
		}
		if err := os.WriteFile(filepath.Join(out, service+".json"), document, 0o644); err != nil {
			return err
		}
	}
	return nil
}
