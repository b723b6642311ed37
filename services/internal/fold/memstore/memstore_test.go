package memstore

import (
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/foldtest"
)

func TestConformance(t *testing.T) {
	s := New()
	foldtest.Exercise(t, func(*testing.T) fold.Stores { return s })
}
