.PHONY: up demo build test test-race lint fmt generate documents tidy standalone ci

up: ## the whole platform in one process
	go run ./dev up
demo: ## the main job, which ends by itself
	go run ./dev demo
build:
	go build work
test:
	go test work
test-race:
	go test -race work
lint:
	go vet work && tools/lint.sh
fmt:
	gofmt -w bench dev e2e kit proto schemas services tools
generate:
	tools/generate.sh
documents: ## OpenAPI and AsyncAPI are valid
	tools/documents.sh
tidy:
	tools/tidy.sh
standalone: ## each service with GOWORK=off
	tools/standalone.sh
ci:
	.ci/run
