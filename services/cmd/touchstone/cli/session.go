package cli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// session is a connected command.
type session struct {
	*options
	conn     *grpc.ClientConn
	ingest   ingestv1.IngestServiceClient
	native   ingestv1.NativeServiceClient
	maps     mapv1.MapServiceClient
	scores   scorev1.ScoreServiceClient
	admin    adminv1.AdminServiceClient
	in       io.Reader
	out, err io.Writer

	known *mapv1.Map // of the organisation, once asked for
}

// largestMessage bounds one response: a page of a thousand facts with their sealed comments.
const largestMessage = 64 << 20

// unaryTimeout bounds requests that set no deadline of their own. Verify and rebuild set none and say so.
const unaryTimeout = 30 * time.Second

func (o *options) open(c *cobra.Command) (*session, error) {
	if !contains([]string{"table", "json", "csv"}, o.format) {
		return nil, failed("--format is table, json or csv, not %q", o.format)
	}
	token, err := o.token()
	if err != nil {
		return nil, err
	}
	present := func(ctx context.Context) context.Context {
		if token == "" {
			return ctx
		}
		return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	conn, err := grpc.NewClient(o.server,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessage)),
		grpc.WithUserAgent("touchstone-cli"),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if _, ok := ctx.Deadline(); !ok && ctx.Value(patient{}) == nil {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, unaryTimeout)
				defer cancel()
			}
			return call(present(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(present(ctx), desc, cc, method, opts...)
		}),
	)
	if err != nil {
		return nil, failed("--server %q is not an address: %v", o.server, err)
	}
	return &session{
		options: o, conn: conn, in: c.InOrStdin(), out: c.OutOrStdout(), err: c.ErrOrStderr(),
		ingest: ingestv1.NewIngestServiceClient(conn), native: ingestv1.NewNativeServiceClient(conn), maps: mapv1.NewMapServiceClient(conn),
		scores: scorev1.NewScoreServiceClient(conn), admin: adminv1.NewAdminServiceClient(conn),
	}, nil
}

// patient marks a context whose requests may take as long as they need.
type patient struct{}

func unhurried(ctx context.Context) context.Context { return context.WithValue(ctx, patient{}, true) }

// close gives the connection back. Everything is answered by then: an error could not change what was done.
func (s *session) close() { _ = s.conn.Close() }

// org returns the organisation to work on.
func (s *session) org(ctx context.Context) (string, error) {
	if s.organisation == "" {
		s.organisation = environment("TOUCHSTONE_ORGANISATION")
	}
	if s.organisation != "" {
		return s.organisation, nil
	}
	heads, err := s.maps.ListMaps(ctx, &mapv1.ListMapsRequest{})
	if err != nil {
		return "", err
	}
	s.organisation = "default"
	if m := heads.GetMaps(); len(m) == 1 {
		s.organisation = m[0].GetOrganisation()
	} else if len(m) > 1 {
		ids := make([]string, len(m))
		has := false
		for i, h := range m {
			ids[i] = h.GetOrganisation()
			has = has || ids[i] == "default"
		}
		if !has {
			return "", failed("there are %d organisations: name one with -o (%s)", len(m), list(ids))
		}
	}
	return s.organisation, nil
}

// theMap returns the organisation's map.
func (s *session) theMap(ctx context.Context) (*mapv1.Map, error) {
	if s.known != nil {
		return s.known, nil
	}
	org, err := s.org(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.maps.GetMap(ctx, &mapv1.GetMapRequest{Organisation: org})
	if err != nil {
		return nil, err
	}
	s.known = m.GetVersion().GetMap()
	return s.known, nil
}

// zone returns the organisation's zone; UTC where there is no map to name one.
func (s *session) zone(ctx context.Context) *time.Location {
	m, err := s.theMap(ctx)
	if err != nil {
		return time.UTC
	}
	zone, err := time.LoadLocation(m.GetZone())
	if err != nil {
		return time.UTC
	}
	return zone
}
