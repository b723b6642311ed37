package pebblestore

import (
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/foldtest"
)

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	foldtest.Exercise(t, func(t *testing.T) fold.Stores {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if other, err := Open(dir); err == nil {
		_ = other.Close()
		t.Fatal("opened twice")
	}
}
