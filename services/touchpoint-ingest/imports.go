package ingest

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// imports remembers how far imports have come, for their clients to go on from there. What a client saves is never ahead
// of what it was acknowledged, so that going on loses nothing.
type imports struct{ js jetstream.JetStream }

func newImports(env *host.Env) *imports { return &imports{js: env.Bus.JS()} }

func (i *imports) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := i.js.KeyValue(ctx, bus.BucketCursor)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the progress of imports cannot be read or saved now")
	}
	return kv, nil
}

func cursorKey(organisation, id string) string {
	if organisation == "" {
		organisation = defaultOrganisation
	}
	return organisation + "." + id
}

// GetImport implements the RPC.
func (i *imports) GetImport(ctx context.Context, req *ingestv1.GetImportRequest) (*ingestv1.GetImportResponse, error) {
	if err := validOrganisation(req.GetOrganisation()); err != nil {
		return nil, err
	}
	kv, err := i.bucket(ctx)
	if err != nil {
		return nil, err
	}
	e, err := kv.Get(ctx, cursorKey(req.GetOrganisation(), req.GetImportId()))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return &ingestv1.GetImportResponse{Import: &ingestv1.Import{}}, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the progress of imports cannot be read now")
	}
	imp := new(ingestv1.Import)
	if err := proto.Unmarshal(e.Value(), imp); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "decoding the progress of an import")
	}
	return &ingestv1.GetImportResponse{Import: imp}, nil
}

// SaveImport implements the RPC.
func (i *imports) SaveImport(ctx context.Context, req *ingestv1.SaveImportRequest) (*ingestv1.SaveImportResponse, error) {
	if err := validOrganisation(req.GetOrganisation()); err != nil {
		return nil, err
	}
	if p, ok := access.PrincipalFrom(ctx); ok && p.Test {
		return &ingestv1.SaveImportResponse{}, nil // nothing was recorded that another could go on from
	}
	kv, err := i.bucket(ctx)
	if err != nil {
		return nil, err
	}
	b, err := proto.Marshal(req.GetImport())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding the progress of an import")
	}
	if _, err := kv.Put(ctx, cursorKey(req.GetOrganisation(), req.GetImport().GetImportId()), b); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the progress of the import could not be saved now")
	}
	return &ingestv1.SaveImportResponse{}, nil
}

// validOrganisation keeps what is no organisation out of subjects and keys.
func validOrganisation(org string) error {
	if org != "" && !sourceRule.MatchString(org) {
		return fault.Field("organisation", "an organisation is 1 to 64 of a-z 0-9 - and _, beginning with a letter", "correct it, or leave it out for \"default\"")
	}
	return nil
}
