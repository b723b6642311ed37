// Package survey asks customers: it decides after each interaction whom to ask, by gates in one order, sends invitations, shows
// the pages on which they are answered, and makes facts of the answers.
//
// All that it decides and hears is in one log, TS_SURVEY; its state is a fold of that log, and one journal writes it.
package survey

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/pebblestore"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/all"
	"github.com/touchstone-cx/touchstone/services/survey/channel/compose"
	"github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/state"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// Config is the section "survey" of the configuration.
type Config struct {
	Pages     string        `yaml:"pages"`      // address of the listener for respondents
	BaseURL   string        `yaml:"base_url"`   // as respondents reach it, in links; empty: http:// and the listener's address
	DailyCap  uint64        `yaml:"daily_cap"`  // most messages a day of an organisation, beside its map's
	ActWithin time.Duration `yaml:"act_within"` // age from which an interaction invites nobody any more
	SyncEvery time.Duration `yaml:"sync_every"` // of the store; the stream holds the truth
	LagLimit  uint64        `yaml:"lag_limit"`  // messages behind the stream at which this instance is not ready
}

// Unit returns the service.
func Unit() host.Unit {
	return host.Unit{
		Name: "survey", Start: start, Settings: func() (string, any) { c := defaults(); return section, &c },
		Sections: func(read func(string, any) error) error { return new(all.Config).Read(read) },
	}
}

const section = "survey"

func defaults() Config {
	return Config{Pages: "127.0.0.1:7402", DailyCap: defaultCap, ActWithin: 24 * time.Hour, SyncEvery: time.Second, LagLimit: 1000}
}

func start(_ context.Context, env *host.Env) error {
	cfg := defaults()
	if err := env.Config(section, &cfg); err != nil {
		return err
	}
	if cfg.ActWithin < time.Minute || cfg.SyncEvery <= 0 {
		return errors.New("survey: act_within must be 1m or more, sync_every above 0")
	}
	lis, err := net.Listen("tcp", cfg.Pages)
	if err != nil {
		return fmt.Errorf("listener of survey pages on %s: %w (is another instance running? choose another address as survey.pages in the configuration)", cfg.Pages, err)
	}
	served := false
	defer func() {
		if !served {
			_ = lis.Close()
		}
	}()
	base := strings.TrimSuffix(orElse(cfg.BaseURL, "http://"+lis.Addr().String()), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("survey: base_url %q is no URL as respondents reach it, such as https://feedback.example.com", base)
	}
	if len(base) > mostBase {
		return fmt.Errorf("survey: base_url is longer than %d characters: links in text messages have no room for it", mostBase)
	}
	ways := all.Config{Sending: all.Sending{Outbox: filepath.Join(env.DataDir, "outbox")}}
	if err := ways.Read(env.Config); err != nil {
		return err
	}
	channels, err := all.New(ways, env.Clock)
	if err != nil {
		return err
	}
	env.OnStop("channels", func(context.Context) error { channels.Close(); return nil })
	composer, err := compose.New()
	if err != nil {
		return err
	}
	stores, err := pebblestore.Open(filepath.Join(env.DataDir, "store"))
	if err != nil {
		return err
	}
	env.OnStop("store", func(context.Context) error { return stores.Close() })
	store, err := stores.Open("state")
	if err != nil {
		return err
	}
	sealer, err := seal.OpenSealer(env.KeyDir, env.DataDir)
	if err != nil {
		return err
	}
	env.OnStop("customer keys", func(context.Context) error { return sealer.Close() })
	hasher, err := seal.OpenHasher(env.KeyDir)
	if err != nil {
		return err
	}
	secret, err := seal.OpenSecret(env.KeyDir, "survey-token")
	if err != nil {
		return err
	}

	st, ks := state.New(), keys{secret}
	f := fold.New(fold.Config{
		JS: env.Bus.JS(), Stream: bus.StreamSurvey, Store: store, Machine: st, Log: env.Log,
		Park: func(ctx context.Context, m fold.Message, reason string) error {
			return env.Bus.Park(ctx, bus.StreamSurvey, m.Subject, m.Sequence, m.Data, reason)
		},
	})
	// Log and state outlive the work on them: what was handed over or answered while stopping is still written and known.
	last, stop := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	log := &journal{
		js: env.Bus.JS(), state: st, folded: f.Applied, log: env.Log, books: map[string]*book{},
		run: func(f func(context.Context)) { writing.Go(func() { f(last) }) },
	}
	env.OnStop("log", func(context.Context) error { stop(); writing.Wait(); return nil })
	maps := newAtlas(env.Maps)
	held := newFollowUp(st, env.Clock)
	judge := &judge{
		state: st, keys: ks, clock: env.Clock, held: held,
		open: func(sealed []byte) ([]byte, error) { return seal.OpenContact(env.KeyDir, sealed) },
	}
	decider := &decider{
		js: env.Bus.JS(), maps: env.Maps, atlas: maps, state: st, judge: judge, log: log, clock: env.Clock, slog: env.Log, within: cfg.ActWithin,
	}
	waves := &waves{maps: env.Maps, atlas: maps, state: st, judge: judge, log: log, clock: env.Clock, slog: env.Log}
	single := newLocks()
	scheduler := &scheduler{
		state: st, atlas: maps, judge: judge, keys: ks, log: log, slog: env.Log, clock: env.Clock, base: base, cap: cfg.DailyCap, locks: single,
		composer: composer, via: channels.For, backoff: channel.DefaultBackoff(),
	}
	answers := &answers{
		state: st, atlas: maps, keys: ks, log: log, locks: single, sealer: sealer, sentiments: words.NewSentiments(), clock: env.Clock,
	}
	pump := &pump{
		js: env.Bus.JS(), nc: env.Bus.NC(), state: st, atlas: maps, log: log, access: env.Access, keyDir: env.KeyDir,
		place: filepath.Join(env.DataDir, "published"), slog: env.Log,
	}
	pages, err := page.New(answers, page.Options{Key: ks.page(), Log: env.Log})
	if err != nil {
		return err
	}
	surveyv1.RegisterSurveyServiceServer(env.GRPC, &service{
		state: st, atlas: maps, judge: judge, log: log, scheduler: scheduler, answers: answers, hasher: hasher, sealer: sealer, held: held, clock: env.Clock,
		on: channels.Sending,
	})
	env.Health("fold", func(context.Context) error {
		switch lag := f.Lag(); {
		case f.Trouble() != nil:
			return f.Trouble()
		case !f.Loaded():
			return errors.New("loading the state")
		case lag > cfg.LagLimit:
			return fmt.Errorf("%d messages behind the stream of surveys", lag)
		}
		return nil
	})
	env.Go("fold", func(ctx context.Context) error {
		ended := make(chan error, 1)
		writing.Go(func() { ended <- f.Run(last) })
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	env.Go("store", func(ctx context.Context) error {
		for tick := time.NewTicker(cfg.SyncEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return nil
			case <-tick.C:
				if err := stores.Sync(); err != nil {
					return fmt.Errorf("syncing the store: %w", err)
				}
			}
		}
	})
	env.Go("decider", decider.run)
	env.Go("waves", waves.run)
	env.Go("scheduler", scheduler.run)
	env.Go("answers", pump.run)
	env.Go("forgotten", (&forgetter{js: env.Bus.JS(), sealer: sealer, log: env.Log}).run)
	var shown http.Handler = pages
	if channels.SMS != nil {
		shown = (&heard{state: st, keys: ks, log: log, clock: env.Clock}).withHooks(channels.SMS, pages)
	}
	env.Go("pages", func(ctx context.Context) error { return serve(ctx, lis, shown) })
	served = true
	env.Log.Info("survey pages", "address", lis.Addr().String(), "links", base, "sending", channels.Sending)
	if !channels.Sending {
		env.Log.Info("survey messages are written into a folder and not sent: survey-sending.on is false", "outbox", ways.Sending.Outbox)
	}
	return nil
}

// Limits of the listener that anybody may reach.
const (
	headerTime  = 5 * time.Second
	requestTime = 30 * time.Second
	idleTime    = 60 * time.Second
	headerBytes = 16 << 10
	drainTime   = 3 * time.Second
)

// serve serves pages until ctx ends and requests in flight are answered.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving survey pages: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := s.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close()
	}
	<-ended
	return err
}
