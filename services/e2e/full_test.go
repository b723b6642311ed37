package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// reserve is what the service keeps free: room for the store's next log, allocated at once, and a flush beside it.
const (
	smallDisk = 1 << 30
	reserve   = 256 << 20
)

// small mounts a small disk in memory; ok is false where that is not allowed.
func small(t *testing.T) (dir string, ok bool) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", smallDisk)); err != nil {
		cannot(t, "a full disk needs the right to mount a small one: %v", err)
		return "", false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// fill leaves so many bytes of the disk free, and returns what gives the rest back.
func fill(t *testing.T, dir string, left int64) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for range 1000 {
		n := free(t, dir) - left
		if n <= 0 {
			break
		}
		if err := syscall.Fallocate(int(f.Fd()), 0, size, n); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		} else if err == nil {
			size += n
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// load publishes to an instance on a small disk until finish is called, which checks that all of it counts, once.
func load(t *testing.T, disk string) (i *instance.Instance, journal *oracle.Journal, finish func()) {
	t.Helper()
	i, _ = stopped(t, filepath.Join(disk, "data"), fmt.Sprintf("TOUCHSTONE_INGEST_RESERVE_BYTES=%d", reserve), "TOUCHSTONE_INGEST_ACK_TIMEOUT=3s")
	begin(t, i)
	c := i.Clients()
	apply(t, c.Maps, traffic.Map("acme"))
	journal = oracle.NewJournal(nil, traffic.Resolutions())
	stop := make(chan struct{})
	g, ctx := errgroup.WithContext(t.Context())
	for n := range 2 {
		w := &traffic.Writer{
			Client: c.Ingest, Organisation: "acme", Source: fmt.Sprintf("source-%d", n), Stream: n == 0, Rate: 1000,
			Life: traffic.NewLife(4, uint64(n), time.Now()), Journal: journal, Chance: rand.New(rand.NewPCG(4, uint64(n))),
		}
		g.Go(func() error { return w.Run(ctx, stop) })
	}
	time.Sleep(300 * time.Millisecond)
	return i, journal, func() {
		t.Helper()
		close(stop)
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		st := settled(t, c.Admin)
		if facts, _ := journal.Facts(); st.GetFacts() != uint64(facts) {
			t.Errorf("%d facts are counted, %d were acknowledged", st.GetFacts(), facts)
		}
		if _, err := journal.Compare(t.Context(), c.Scores, traffic.Map("acme"), oracle.Stretch{}); err != nil {
			t.Errorf("scores differ from the recount: %v", err)
		}
		v := verified(t, c.Admin)
		if err := i.Kill(); err != nil {
			t.Fatal(err)
		}
		begin(t, i)
		if again := verified(t, c.Admin); again.GetFacts() != v.GetFacts() {
			t.Errorf("%d facts before a restart, %d after", v.GetFacts(), again.GetFacts())
		}
	}
}

// Before the disk is full facts are refused with what to do, and taken again when there is space, without anybody's help.
func TestRefusesBeforeTheDiskIsFull(t *testing.T) {
	disk, ok := small(t)
	if !ok {
		return
	}
	i, journal, finish := load(t, disk)
	pid := i.Pid()
	for range 2 {
		empty := fill(t, disk, reserve*3/4)
		refusesForSpace(t, i, journal)
		empty()
		recovers(t, i, journal, 10*time.Second)
	}
	if i.Pid() != pid {
		t.Error("the process did not live through it")
	}
	finish()
}

// When something else fills the disk to the last byte, nothing that was acknowledged is lost; and with space again all goes
// on. The process may end when its store cannot be written: then it is started again, as a supervisor does.
func TestFullDisk(t *testing.T) {
	disk, ok := small(t)
	if !ok {
		return
	}
	i, journal, finish := load(t, disk)
	for round := range 3 {
		empty := fill(t, disk, 0)
		time.Sleep(time.Duration(1+round) * time.Second)
		empty()
		if !i.Running() {
			t.Logf("round %d: the process ended", round)
			begin(t, i)
		}
		recovers(t, i, journal, 30*time.Second)
	}
	finish()
}

// refusesForSpace waits until facts are refused for want of space, by each entrance as it should be.
func refusesForSpace(t *testing.T, i *instance.Instance, journal *oracle.Journal) {
	t.Helper()
	var err error
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		call, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		fact := life(1, 5)[0]
		_, err = i.Clients().Ingest.Publish(call, &ingestv1.PublishRequest{Organisation: "acme", Source: "probe", Facts: []*factv1.Fact{fact}})
		cancel()
		if err == nil {
			journal.Acknowledged("probe", fact)
		}
		if status.Code(err) == codes.ResourceExhausted {
			break
		}
	}
	st := status.Convert(err)
	retry := false
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			retry = r.GetRetryDelay().AsDuration() > 0
		}
	}
	if st.Code() != codes.ResourceExhausted || !retry {
		t.Errorf("with little space left publishing answers %v, want RESOURCE_EXHAUSTED with a RetryInfo", err)
	}
	key, err := i.Key()
	if err != nil {
		t.Fatal(err)
	}
	code, header, body := post(t, "http://"+i.At().HTTP+"/v1/events", key, eventType, event("acme", "full", 1, "interaction", callData(time.Now().Add(-time.Minute), "1")))
	if code != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
		t.Errorf("with little space left HTTP answers %d with Retry-After %q: %s", code, header.Get("Retry-After"), body)
	}
	if code, body, err := instance.Get(t.Context(), "http://"+i.At().Admin+"/readyz"); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("with little space left /readyz answers %d %s (%v)", code, body, err)
	}
}

// recovers waits until facts are acknowledged again.
func recovers(t *testing.T, i *instance.Instance, journal *oracle.Journal, limit time.Duration) {
	t.Helper()
	began := time.Now()
	_, before := journal.Facts()
	for {
		if _, now := journal.Facts(); now > before+200 {
			t.Logf("facts are acknowledged again after %s", time.Since(began).Round(10*time.Millisecond))
			return
		}
		if !i.Running() {
			t.Log("the process ended")
			begin(t, i)
		}
		if time.Since(began) > limit {
			t.Fatalf("%s after there was space again no facts are acknowledged", limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
