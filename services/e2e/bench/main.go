// Command bench measures Touchstone from outside: it drives bin/touchstone through its public interfaces, and beside it, in
// the same run and with the same events, what the job costs when done with NATS and Redis by hand. make bench runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// bench is one run.
type bench struct {
	options
	report  report
	scratch string // folder of the run's data
}

// options are the command line.
type options struct {
	bin, redis, dir, json, profiles string
	telecomMap                      string
	quick                           bool
	only                            string
	rounds                          int
	seconds, facts                  int
}

// measurements, in the order in which a round takes them. The first ones stand beside one another on purpose: their
// figures are compared.
var measurements = []struct {
	name string
	once bool // its samples come from one go
	run  func(*bench, context.Context) error
}{
	{"e2e", false, (*bench).endToEnd},
	{"telecom", false, (*bench).telecom},
	{"redis", false, (*bench).redisReferences},
	{"raw", false, (*bench).rawReference},
	{"latency", false, (*bench).latency},
	{"query", false, (*bench).query},
	{"watch", false, (*bench).watch},
	{"restart", true, (*bench).restart},
	{"size", true, (*bench).size},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == natsCommand {
		exit(serveNATS(os.Args[2:]))
	}
	var names []string
	for _, m := range measurements {
		names = append(names, m.name)
	}
	var o options
	flag.StringVar(&o.bin, "bin", "bin/touchstone", "the binary to measure")
	flag.StringVar(&o.redis, "redis", "redis-server", "the Redis server of the references (Debian: redis-server)")
	flag.StringVar(&o.dir, "dir", ".data/bench", "folder for the data, on a disk; they are removed in the end")
	flag.StringVar(&o.telecomMap, "map", "deploy/examples/telecom/map.yaml", "the map of the telecom measurement")
	flag.StringVar(&o.json, "json", "", "file to write the figures to, as lines of JSON")
	flag.StringVar(&o.profiles, "profiles", "", "folder to save CPU profiles of the service to")
	flag.BoolVar(&o.quick, "quick", false, "a look within three minutes: one round, short")
	flag.StringVar(&o.only, "only", strings.Join(names, ","), "what to measure")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds to take the median of (default 3, with -quick 1)")
	flag.IntVar(&o.seconds, "seconds", 0, "length of the end-to-end measurement (default 60, with -quick 5)")
	flag.IntVar(&o.facts, "facts", 0, "facts before a restart (default 10,000,000, with -quick 500,000)")
	flag.Parse()
	o.fill()
	for _, n := range strings.Split(o.only, ",") {
		if !slices.Contains(names, n) {
			exit(fmt.Errorf("-only %s: there are %s", n, strings.Join(names, ", ")))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit((&bench{options: o}).run(ctx))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (o *options) fill() {
	def := func(v *int, full, quick int) {
		if *v == 0 {
			if *v = full; o.quick {
				*v = quick
			}
		}
	}
	def(&o.rounds, 3, 1)
	def(&o.seconds, 60, 5)
	def(&o.facts, 10_000_000, 500_000)
}

// short chooses by -quick.
func short[T any](b *bench, full, quick T) T {
	if b.quick {
		return quick
	}
	return full
}

func (b *bench) run(ctx context.Context) (err error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return err
		}
	}
	if b.scratch, err = os.MkdirTemp(b.dir, "run-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.scratch)) }()
	if err := onDisk(b.scratch); err != nil {
		return err
	}
	about := machine()
	for _, k := range slices.Sorted(maps.Keys(about)) {
		fmt.Printf("%-12s %s\n", k, about[k])
	}
	wanted := strings.Split(b.only, ",")
	for round := range b.rounds {
		for _, m := range measurements {
			if !slices.Contains(wanted, m.name) || m.once && round > 0 {
				continue
			}
			began := time.Now()
			if err := b.undisturbed(m.name, func() error { return m.run(b, ctx) }); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d, %s: %.0f s\n", round+1, m.name, time.Since(began).Seconds())
		}
	}
	b.ratios()
	b.report.table(os.Stdout)
	if b.json == "" {
		return nil
	}
	f, err := os.Create(b.json)
	if err != nil {
		return err
	}
	return errors.Join(b.report.lines(f, about), f.Close())
}

// undisturbed runs a measurement and says how far it was not.
func (b *bench) undisturbed(name string, run func() error) error {
	before, err := othersCPU()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := run(); err != nil {
		return err
	}
	after, err := othersCPU()
	if err != nil {
		return err
	}
	b.report.add(name, "CPU of everybody else meanwhile", "cores", max(0, (after-before).Seconds()/time.Since(began).Seconds()))
	return nil
}

// ratios compares figures of the same rounds.
func (b *bench) ratios() {
	r := &b.report
	r.title("ratios", "Touchstone end to end, every fact synced to disk, over the references, which are not")
	ours := r.find("e2e", rate)
	r.ratio("over Redis by hand, in batches", ours, r.find("redis", rateBatched), atLeast(6))
	r.ratio("over Redis by hand, event by event", ours, r.find("redis", ratePerEvent), atLeast(30))
	r.ratio("over Redis by hand, event by event, 4 at once", ours, r.find("redis", rateParallel), goal{})
	r.ratio("over publishing alone, one event a message", ours, r.find("raw", rate), atLeast(1.3))
	r.ratio("with the telecom map over the bench's own map", r.find("telecom", rate), ours, goal{})
	r.ratio("visible p99 over fsync p99", r.find("latency", "accepted → visible p99"), r.find("latency", "fsync of 4 KiB, alone p99"), goal{})
}

// instance starts a service of its own for a measurement and gives it to f, then takes it away with its data.
func (b *bench) instance(ctx context.Context, name string, f func(*service) error) error {
	return b.instanceOf(ctx, name, experienceMap(), f)
}

// instanceOf is instance with a map.
func (b *bench) instanceOf(ctx context.Context, name string, m *mapv1.Map, f func(*service) error) (err error) {
	s, err := startService(ctx, b.bin, filepath.Join(b.scratch, name), m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.discard()) }()
	if err := f(s); err != nil {
		return fmt.Errorf("%w\nthe end of the service's log:\n%s", err, s.logTail())
	}
	return nil
}
