# Everything that people and CI do with this repository. Needs Go, git, bash and make; tools come from the Go module proxy.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules --no-print-directory

FUZZTIME ?= 10m
FUZZ ?= .
FAULT ?= kill
ROUNDS ?= 10
BREAK ?=
TESTFLAGS ?=
# Versions are stamped by the linker: a checkout of another owner, or none at all, builds as well.
export GOFLAGS := $(shell go env GOFLAGS) -buildvcs=false

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
MODULES := proto services deploy/publish scripts/tools scripts/tools/buf scripts/tools/nats
TOOLS := $(CURDIR)/bin/tools
# What was built with another Go may not read what this one writes.
GOVERSION := $(shell go env GOVERSION)
GO_TOOLS := $(TOOLS)/.tools-$(GOVERSION)
BUF := $(TOOLS)/.buf-$(GOVERSION)
CONTRACT := proto/contract.binpb
export PATH := $(TOOLS):$(PATH)

.PHONY: help
help: ## Print this
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

##@ Run
.PHONY: build
build: ## Build bin/touchstone
	CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/touchstone ./services/cmd/touchstone

.PHONY: run
run: build ## Run Touchstone on the airport's survey and a simulated call centre, data in .data; Ctrl-C stops
	@scripts/run

##@ Prove
.PHONY: test
test: ## Run all tests (TESTFLAGS='-race -run Name' adds flags of go test); installs what they run in, or says what to install
	@scripts/need curl python3 node javac chromium npm || true
	go test -timeout 15m $(TESTFLAGS) work

.PHONY: check
check: check-format check-vet check-gen check-publish check-contract check-modules check-rules ## Check format, linters, what is generated, contract, modules and import rule

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME=10m (FUZZ=pattern selects)
	scripts/fuzz '$(FUZZTIME)' '$(FUZZ)'

.PHONY: fault
fault: build ## Break it under load and recount: FAULT=kill|power|order ROUNDS=10
	@if [[ '$(FAULT)' == power ]]; then scripts/need mkfs.ext4 mount losetup; fi
	scripts/fault '$(FAULT)' '$(ROUNDS)'

.PHONY: bench
bench: build ## Measure it against the reference rows, all in one run (BENCHFLAGS=-quick)
	@scripts/need redis-server
	scripts/bench

##@ Change
.PHONY: fmt
fmt: $(GO_TOOLS) ## Format the Go code
	gofumpt -w proto services deploy

.PHONY: gen
gen: $(GO_TOOLS) $(BUF) ## Generate Go from the contract
	cd proto && buf generate

# Generates the publisher's schemas into the folder $(1).
publish-schemas = set=$$(mktemp); trap 'rm -rf "$$set" "$${new:-}"' EXIT; \
	(cd proto && buf build --as-file-descriptor-set -o "$$set\#format=binpb"); \
	go run ./deploy/publish/schema/generate "$$set" $(1)

.PHONY: publish
publish: $(BUF) ## Generate the publisher's schemas from the contract
	@$(call publish-schemas,deploy/publish/schema)

.PHONY: tidy
tidy: ## Tidy every module
	for module in $(MODULES); do GOWORK=off go -C "$$module" mod tidy; done

# The image is the contract as it was last sealed. It is committed, so that a clone of any depth can compare.
.PHONY: contract
contract: $(BUF) ## Seal the contract: what breaks it fails from then on (BREAK=1 seals what breaks the old one)
	if [[ -z '$(BREAK)' && -e $(CONTRACT) ]]; then (cd proto && buf breaking --against contract.binpb); fi
	cd proto && buf build --exclude-source-info -o contract.binpb

.PHONY: clean
clean: ## Remove what was built; .data stays
	rm -rf bin

# The parts of check, each of which can be run alone.
.PHONY: check-format check-vet check-gen check-publish check-contract check-modules check-rules
check-format: $(GO_TOOLS)
	@files=$$(gofumpt -l proto services deploy); [[ -z $$files ]] || { echo "not formatted; run make fmt:" >&2; echo "$$files" >&2; exit 1; }

check-vet: $(GO_TOOLS)
	go vet work
	staticcheck work

check-gen: $(GO_TOOLS) $(BUF)
	@new=$$(mktemp -d); trap 'rm -rf "$$new"' EXIT; \
	(cd proto && buf generate -o "$$new"); \
	diff -r "$$new/gen" proto/gen || { echo "proto/gen is not what the contract generates: run make gen" >&2; exit 1; }

check-publish: $(BUF)
	@new=$$(mktemp -d); $(call publish-schemas,"$$new"); \
	for file in "$$new"/*; do cmp -s "$$file" "deploy/publish/schema/$${file##*/}" || \
	{ echo "deploy/publish/schema/$${file##*/} is not what the contract generates: run make publish" >&2; exit 1; }; done

check-contract: $(BUF)
	cd proto && buf lint
	cd proto && buf breaking --against contract.binpb
	@new=$$(mktemp -d); trap 'rm -rf "$$new"' EXIT; \
	(cd proto && buf build --exclude-source-info -o "$$new/contract.binpb"); \
	cmp -s "$$new/contract.binpb" $(CONTRACT) || { echo "$(CONTRACT) lacks what was added to the contract: run make contract" >&2; exit 1; }

# The contract must also build without this workspace, as it does for those who import it.
check-modules:
	for module in $(MODULES); do GOWORK=off go -C "$$module" mod tidy -diff; done
	GOWORK=off go -C proto build ./...

check-rules:
	go test ./proto ./services

$(GO_TOOLS): scripts/tools/go.mod scripts/tools/go.sum
	GOWORK=off GOBIN=$(TOOLS) go -C scripts/tools install tool
	@touch $@

$(BUF): scripts/tools/buf/go.mod scripts/tools/buf/go.sum
	GOWORK=off GOBIN=$(TOOLS) go -C scripts/tools/buf install tool
	@touch $@
