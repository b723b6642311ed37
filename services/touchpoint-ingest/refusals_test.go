package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

type refusalsRig struct {
	*refusals
	bus    *bus.Bus
	reader *sdkmetric.ManualReader
	log    *lines
}

func newRefusalsRig(t *testing.T) *refusalsRig {
	t.Helper()
	r := &refusalsRig{bus: bustest.New(t), reader: sdkmetric.NewManualReader(), log: &lines{}}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader)).Meter("test")
	var err error
	r.refusals, err = newRefusals(&host.Env{Bus: r.bus, Clock: func() time.Time { return time.Unix(1e9, 0) }, Log: slog.New(r.log), Metrics: meter})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// counted reads the counter by reason.
func (r *refusalsRig) counted(t *testing.T) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, s := range rm.ScopeMetrics {
		for _, m := range s.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if !ok {
				t.Fatalf("%s is %T", m.Name, m.Data)
			}
			for _, p := range sum.DataPoints {
				reason, _ := p.Attributes.Value("reason")
				out[reason.AsString()] += p.Value
				if p.Attributes.Len() != 1 {
					t.Errorf("the counter has other labels than the reason: %v", p.Attributes)
				}
			}
		}
	}
	return out
}

func (r *refusalsRig) listed(t *testing.T) (batches []*ingestv1.RefusedBatch, subjects []string) {
	t.Helper()
	for _, m := range messages(t, r.bus, bus.StreamRefused) {
		b := new(ingestv1.RefusedBatch)
		if err := proto.Unmarshal(m.Data, b); err != nil {
			t.Fatal(err)
		}
		batches, subjects = append(batches, b), append(subjects, m.Subject)
	}
	return batches, subjects
}

var why = &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_NOT_IN_MAP, Field: "interaction.touchpoint", Message: "m", Remedy: "r"}

// Every refusal is counted by its reason; the first of a moment are listed for their source, the others told as a number.
func TestRefusalsAreCountedAndListed(t *testing.T) {
	r := newRefusalsRig(t)
	for i := range refusedListed + 20 {
		r.add("acme", "acd", fmt.Sprint("call-", i), why)
	}
	r.add("acme", "crm", "", &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_MALFORMED})
	r.write(soon(t))
	r.add("acme", "acd", "later", why)
	r.write(soon(t))
	r.write(soon(t)) // nothing new, nothing written

	if got := r.counted(t); got["not_in_map"] != refusedListed+21 || got["malformed"] != 1 || len(got) != 2 {
		t.Errorf("counted %v", got)
	}
	batches, subjects := r.listed(t)
	if len(batches) != 3 {
		t.Fatalf("%d messages on %v", len(batches), subjects)
	}
	for i, subject := range subjects {
		b := batches[i]
		first := b.GetRefused()[0]
		switch {
		case subject == "ts.refused.acme.crm":
			if len(b.GetRefused()) != 1 || first.GetId() != "" || first.GetSource() != "crm" {
				t.Errorf("%v", b)
			}
		case first.GetId() == "later":
			if len(b.GetRefused()) != 1 || b.GetNotListed() != 0 {
				t.Errorf("%v", b)
			}
		default:
			if subject != "ts.refused.acme.acd" || len(b.GetRefused()) != refusedListed || b.GetNotListed() != 20 ||
				first.GetId() != "call-0" || first.GetOrganisation() != "acme" || first.GetRefusedAt().GetSeconds() != 1e9 || !proto.Equal(first.GetRefusal(), why) {
				t.Errorf("%s: %d listed, %d not; %v", subject, len(b.GetRefused()), b.GetNotListed(), first)
			}
		}
	}
}

// Only the last ones of a source are kept, whatever it sends.
func TestListedRefusalsAreBounded(t *testing.T) {
	r := newRefusalsRig(t)
	for i := range 300 {
		r.add("acme", "acd", fmt.Sprint(i), why)
		r.write(soon(t))
	}
	s, err := r.bus.JS().Stream(soon(t), bus.StreamRefused)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 256 {
		t.Errorf("%d messages are kept", n)
	}
}

// Sources without number do not fill memory: those past the limit are counted.
func TestManyRefusedSources(t *testing.T) {
	r := newRefusalsRig(t)
	for i := range refusedSources + 50 {
		r.add("acme", fmt.Sprint("s", i), "x", why)
	}
	if len(r.open) != refusedSources {
		t.Errorf("%d sources wait to be written", len(r.open))
	}
	if got := r.counted(t); got["not_in_map"] != refusedSources+50 {
		t.Errorf("counted %v", got)
	}
}

// What has collected is written by itself, and the last of it when the service stops.
func TestRefusalsAreWrittenAtTheEnd(t *testing.T) {
	r := newRefusalsRig(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	r.add("acme", "acd", "first", why)
	for limit := soon(t); ; time.Sleep(10 * time.Millisecond) {
		if b, _ := r.listed(t); len(b) == 1 {
			break
		}
		if limit.Err() != nil {
			t.Fatal("it is not written by itself")
		}
	}
	r.add("acme", "acd", "last", why)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	b, _ := r.listed(t)
	if n := len(b); n != 2 || b[1].GetRefused()[0].GetId() != "last" {
		t.Errorf("%v", b)
	}
}

// A list that cannot be written is given up and said so: memory is not filled, and no counter is lost.
func TestRefusalsThatCannotBeWritten(t *testing.T) {
	r := newRefusalsRig(t)
	if err := r.bus.JS().DeleteStream(soon(t), bus.StreamRefused); err != nil {
		t.Fatal(err)
	}
	r.add("acme", "acd", "x", why)
	r.write(soon(t))
	if len(r.open) != 0 || len(r.log.all()) != 1 || r.counted(t)["not_in_map"] != 1 {
		t.Errorf("%d wait, log %q", len(r.open), r.log.all())
	}
}
