// Command generate writes the publisher's schemas: fact.schema.json, asyncapi.yaml and touchstone.binpb.
//
//	go run ./deploy/publish/schema/generate SET FOLDER
//
// SET is the contract as buf build --as-file-descriptor-set writes it, with source info: descriptions are the comments of the
// contract, and constraints its rules. What is the same in the contract is the same in the files, byte for byte.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: generate SET FOLDER")
	}
	set, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	files, err := generate(set)
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(args[1], name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the content of each file by name.
func generate(set []byte) (map[string][]byte, error) {
	c, err := readContract(set)
	if err != nil {
		return nil, err
	}
	fact, err := c.factSchema()
	if err != nil {
		return nil, err
	}
	api, err := c.asyncAPI()
	if err != nil {
		return nil, err
	}
	descriptors, err := c.descriptors()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"fact.schema.json": fact, "asyncapi.yaml": api, "touchstone.binpb": descriptors}, nil
}
