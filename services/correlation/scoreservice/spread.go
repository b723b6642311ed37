package scoreservice

import (
	"context"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// GetSpread implements the RPC.
func (s *Service) GetSpread(context.Context, *scorev1.GetSpreadRequest) (*scorev1.GetSpreadResponse, error) {
	return nil, fault.New(fault.Unavailable, "not served yet")
}
