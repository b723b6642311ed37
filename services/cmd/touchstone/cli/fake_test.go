package cli_test

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// fake is a Touchstone that keeps facts in memory and answers scores from a script.
type fake struct {
	ingestv1.UnimplementedIngestServiceServer
	ingestv1.UnimplementedNativeServiceServer
	mapv1.UnimplementedMapServiceServer
	scorev1.UnimplementedScoreServiceServer
	adminv1.UnimplementedAdminServiceServer

	address string // once it runs

	mu       sync.Mutex
	facts    map[string]*factv1.Fact // newest version by organisation/source/id
	imports  map[string]string       // organisation/source/id → import
	progress map[string]*ingestv1.Import
	batches  int
	failAt   int // batch at which the stream breaks for good; 0 never
	maps     map[string]*mapv1.Map
	versions []*mapv1.MapVersion // of "acme", the oldest first; what GetMap answers from where there are any
	list     []*scorev1.Score
	asked    *scorev1.Filter
	watch    []*scorev1.WatchScoresResponse
	story    *scorev1.GetFactResponse
	seams    []*scorev1.SeriesSeam
	spread   *scorev1.GetSpreadResponse
	compared *scorev1.GetSpreadRequest

	explained *scorev1.ExplainScoreResponse
	refused   []*ingestv1.RefusedFact
	keys      []string // authorization of each unary request
	backup    [][]byte
	native    []*ingestv1.PublishNativeRequest
	rehearse  *ingestv1.RehearseNativeResponse
	away      int // so many deliveries are answered as if Touchstone were away
	restored  []byte
}

// run starts f and returns what a command line prints and fails with.
func (f *fake) run(t *testing.T) func(args ...string) (out, stderr string, err error) {
	t.Helper()
	f.facts, f.imports, f.progress = map[string]*factv1.Fact{}, map[string]string{}, map[string]*ingestv1.Import{}
	s := serve(t, func(r grpc.ServiceRegistrar) {
		ingestv1.RegisterIngestServiceServer(r, f)
		ingestv1.RegisterNativeServiceServer(r, f)
		mapv1.RegisterMapServiceServer(r, f)
		scorev1.RegisterScoreServiceServer(r, f)
		adminv1.RegisterAdminServiceServer(r, f)
	}, grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		f.mu.Lock()
		f.keys = append(f.keys, strings.Join(md.Get("authorization"), " "))
		f.mu.Unlock()
		return next(ctx, req)
	}))
	f.address = s.address
	return func(args ...string) (string, string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return s.command(ctx, "n\n", args...)
	}
}

func (f *fake) PublishStream(stream grpc.BidiStreamingServer[ingestv1.PublishStreamRequest, ingestv1.PublishStreamResponse]) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return nil
		}
		f.mu.Lock()
		f.batches++
		broken := f.failAt > 0 && f.batches >= f.failAt
		f.mu.Unlock()
		if broken {
			return status.Error(codes.PermissionDenied, "the key may not publish")
		}
		if err := stream.Send(&ingestv1.PublishStreamResponse{Sequence: req.GetSequence(), Results: f.take(req.GetBatch())}); err != nil {
			return err
		}
	}
}

func (f *fake) Publish(_ context.Context, req *ingestv1.PublishRequest) (*ingestv1.PublishResponse, error) {
	return &ingestv1.PublishResponse{Results: f.take(req)}, nil
}

// take refuses facts of the touchpoint "nowhere" and keeps the rest.
func (f *fake) take(req *ingestv1.PublishRequest) []*ingestv1.FactResult {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*ingestv1.FactResult
	for _, fact := range req.GetFacts() {
		if fact.GetInteraction().GetTouchpoint() == "nowhere" {
			out = append(out, &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: &ingestv1.Refusal{
				Reason: ingestv1.Reason_REASON_NOT_IN_MAP, Field: "interaction.touchpoint", Message: "nowhere is not in the map", Remedy: "add it to the map",
			}})
			continue
		}
		key := req.GetOrganisation() + "/" + req.GetSource() + "/" + fact.GetId()
		if old := f.facts[key]; old == nil || fact.GetVersion() > old.GetVersion() {
			f.facts[key], f.imports[key] = fact, req.GetImportId()
		}
		out = append(out, &ingestv1.FactResult{Status: ingestv1.Status_STATUS_RECORDED})
	}
	return out
}

func (f *fake) GetImport(_ context.Context, req *ingestv1.GetImportRequest) (*ingestv1.GetImportResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := &ingestv1.Import{}
	if p := f.progress[req.GetOrganisation()+"/"+req.GetImportId()]; p != nil {
		i = proto.Clone(p).(*ingestv1.Import)
	}
	return &ingestv1.GetImportResponse{Import: i}, nil
}

func (f *fake) SaveImport(_ context.Context, req *ingestv1.SaveImportRequest) (*ingestv1.SaveImportResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.progress[req.GetOrganisation()+"/"+req.GetImport().GetImportId()] = req.GetImport()
	return &ingestv1.SaveImportResponse{}, nil
}

func (f *fake) ListMaps(context.Context, *mapv1.ListMapsRequest) (*mapv1.ListMapsResponse, error) {
	out := &mapv1.ListMapsResponse{}
	for id := range f.maps {
		out.Maps = append(out.Maps, &mapv1.MapHead{Organisation: id})
	}
	return out, nil
}

func (f *fake) GetMap(_ context.Context, req *mapv1.GetMapRequest) (*mapv1.GetMapResponse, error) {
	if n := len(f.versions); n > 0 && req.GetOrganisation() == "acme" {
		want := cmp.Or(req.GetVersion(), f.versions[n-1].GetVersion())
		for _, v := range f.versions {
			if v.GetVersion() == want {
				return &mapv1.GetMapResponse{Version: v}, nil
			}
		}
		return nil, status.Errorf(codes.NotFound, "the map of acme has no version %d", want)
	}
	if f.maps[req.GetOrganisation()] == nil {
		return nil, status.Error(codes.NotFound, "no map")
	}
	return &mapv1.GetMapResponse{Version: &mapv1.MapVersion{Version: 1, Map: f.maps[req.GetOrganisation()]}}, nil
}

func (f *fake) ApplyMap(_ context.Context, req *mapv1.ApplyMapRequest) (*mapv1.ApplyMapResponse, error) {
	if req.Expect != nil && req.GetExpect() != 3 {
		return nil, status.Error(codes.Aborted, "the current version is 3")
	}
	return &mapv1.ApplyMapResponse{Version: 4, Changed: true}, nil
}

func (f *fake) CheckMap(context.Context, *mapv1.CheckMapRequest) (*mapv1.CheckMapResponse, error) {
	return &mapv1.CheckMapResponse{CurrentVersion: 3, Recounts: []string{"the zone changes"}}, nil
}

func (f *fake) ListScores(_ context.Context, req *scorev1.ListScoresRequest) (*scorev1.ListScoresResponse, error) {
	f.asked = req.GetFilter()
	// Pages of one, so that every list is paged.
	at := len(req.GetPageToken())
	if at >= len(f.list) {
		return &scorev1.ListScoresResponse{}, nil
	}
	out := &scorev1.ListScoresResponse{Scores: f.list[at : at+1]}
	if at+1 < len(f.list) {
		out.NextPageToken = strings.Repeat("x", at+1)
	}
	return out, nil
}

func (f *fake) GetScore(_ context.Context, req *scorev1.GetScoreRequest) (*scorev1.GetScoreResponse, error) {
	return &scorev1.GetScoreResponse{Score: &scorev1.Score{Ref: req.GetRef(), NewestFactAt: timestamppb.New(time.Date(2018, 5, 31, 7, 0, 0, 0, time.UTC))}}, nil
}

func (f *fake) ExplainScore(_ context.Context, req *scorev1.ExplainScoreRequest) (*scorev1.ExplainScoreResponse, error) {
	if f.explained != nil {
		return f.explained, nil
	}
	st := status.New(codes.InvalidArgument, "invalid")
	st, err := st.WithDetails(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "ref.score", Description: req.GetRef().GetScore() + " is no score", LocalizedMessage: &errdetails.LocalizedMessage{Message: "choose one of touchstone scores"}},
	}})
	if err != nil {
		return nil, err
	}
	return nil, st.Err()
}

func (f *fake) WatchScores(_ *scorev1.WatchScoresRequest, stream grpc.ServerStreamingServer[scorev1.WatchScoresResponse]) error {
	for _, m := range f.watch {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return nil
}

func (f *fake) ListFacts(_ context.Context, req *scorev1.ListFactsRequest) (*scorev1.ListFactsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &scorev1.ListFactsResponse{}
	for key, id := range f.imports {
		if id != req.GetImportId() {
			continue
		}
		part := strings.SplitN(key, "/", 3)
		r := &factv1.RecordedFact{Source: part[1], Id: part[2], Version: f.facts[key].GetVersion(), Kind: factv1.Kind_KIND_ANSWER, Content: &factv1.RecordedFact_Answer{}}
		if f.facts[key].GetInteraction() != nil {
			r.Kind, r.Content = factv1.Kind_KIND_INTERACTION, &factv1.RecordedFact_Interaction{}
		}
		out.Facts = append(out.Facts, r)
	}
	return out, nil
}

func (f *fake) GetFact(context.Context, *scorev1.GetFactRequest) (*scorev1.GetFactResponse, error) {
	if f.story == nil {
		return nil, status.Error(codes.NotFound, "no such fact")
	}
	return f.story, nil
}

func (f *fake) ListRefused(context.Context, *adminv1.ListRefusedRequest) (*adminv1.ListRefusedResponse, error) {
	return &adminv1.ListRefusedResponse{Refused: f.refused}, nil
}

func (f *fake) Verify(context.Context, *adminv1.VerifyRequest) (*adminv1.VerifyResponse, error) {
	return &adminv1.VerifyResponse{Equal: false, LiveHash: "aa", RecountHash: "bb", Differences: []string{"cell x"}}, nil
}

func (f *fake) Backup(_ *adminv1.BackupRequest, stream grpc.ServerStreamingServer[adminv1.BackupResponse]) error {
	for _, b := range f.backup {
		if b == nil {
			return status.Error(codes.Internal, "the disk failed")
		}
		if err := stream.Send(&adminv1.BackupResponse{Data: b}); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Restore(stream grpc.ClientStreamingServer[adminv1.RestoreRequest, adminv1.RestoreResponse]) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return stream.SendAndClose(&adminv1.RestoreResponse{Messages: 2, Facts: 7})
		}
		f.restored = append(f.restored, m.GetData()...)
	}
}
