package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// settings is the section "host" of the configuration.
type settings struct {
	GRPC  string `yaml:"grpc"`  // address of the gRPC listener
	HTTP  string `yaml:"http"`  // address of the listener for HTTP events
	Admin string `yaml:"admin"` // address of metrics, health and profiles
	NATS  string `yaml:"nats"`  // standalone: address of the embedded NATS listener; else the URL of the NATS cluster
	// Durability is "power" (an acknowledged fact survives a power cut) or "process" (it survives a crash of the process,
	// but a power cut may take the last two minutes). Standalone only.
	Durability string            `yaml:"durability"`
	Log        string            `yaml:"log"`        // "text" or "json"
	Level      string            `yaml:"level"`      // "debug", "info", "warn", "error"
	OTLP       string            `yaml:"otlp"`       // URL traces are sent to; empty: nothing leaves
	Peers      map[string]string `yaml:"peers"`      // service → address of its gRPC listener
	Memory     int64             `yaml:"memory_mib"` // soft memory limit in MiB; 0: none
}

func defaults(standalone bool) settings {
	s := settings{GRPC: "127.0.0.1:7400", HTTP: "127.0.0.1:7401", Admin: "127.0.0.1:7409", Durability: "power", Log: "json", Level: "info"}
	if standalone {
		s.NATS, s.Log = "127.0.0.1:7422", "text"
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" {
		s.OTLP = os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	return s
}

// flags are what the command line says.
type flags struct {
	config, data            string
	grpc, http, admin, nats string
}

func (f *flags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "configuration file (YAML)")
	c.Flags().StringVar(&f.data, "data", ".data", "folder for data and keys")
	c.Flags().StringVar(&f.grpc, "grpc", "", "address of the gRPC listener (default 127.0.0.1:7400; port 0 for any free one)")
	c.Flags().StringVar(&f.http, "http", "", "address of the listener for HTTP events (default 127.0.0.1:7401)")
	c.Flags().StringVar(&f.admin, "admin", "", "address of metrics, health and profiles (default 127.0.0.1:7409)")
	c.Flags().StringVar(&f.nats, "nats", "", "standalone: address of the embedded NATS listener (default 127.0.0.1:7422); else the URL of the NATS cluster")
}

func (f *flags) read(standalone bool) (*host.Config, settings, error) {
	cfg, err := host.ReadConfig(f.config, os.Environ())
	if err != nil {
		return nil, settings{}, err
	}
	s := defaults(standalone)
	if err := cfg.Section("host", &s); err != nil {
		return nil, s, err
	}
	for _, o := range []struct {
		flag string
		into *string
	}{{f.grpc, &s.GRPC}, {f.http, &s.HTTP}, {f.admin, &s.Admin}, {f.nats, &s.NATS}} {
		if o.flag != "" {
			*o.into = o.flag
		}
	}
	if s.Durability != "power" && s.Durability != "process" {
		return nil, s, fmt.Errorf("host.durability is %q: it must be power or process", s.Durability)
	}
	return cfg, s, nil
}

func standaloneCommand() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "standalone",
		Short: "Run every service in one process with an embedded NATS server and store: nothing to install",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(c.Context(), c.OutOrStdout(), &f, true, units())
		},
	}
	f.register(c)
	return c
}

func serviceCommand(u host.Unit) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   u.Name,
		Short: "Run the service " + u.Name + " against a NATS cluster",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(c.Context(), c.OutOrStdout(), &f, false, []host.Unit{u})
		},
	}
	f.register(c)
	return c
}

func configCommand() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "config",
		Short: "Print the configuration in force, secrets hidden",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := f.read(true)
			if err != nil {
				return err
			}
			for _, u := range units() {
				if u.Settings != nil {
					if err := cfg.Section(u.Settings()); err != nil {
						return err
					}
				}
				if u.Sections != nil {
					if err := u.Sections(cfg.Section); err != nil {
						return err
					}
				}
			}
			out, err := cfg.Effective()
			if err != nil {
				return err
			}
			if _, err := io.WriteString(c.OutOrStdout(), out); err != nil {
				return err
			}
			return cfg.Unused()
		},
	}
	f.register(c)
	return c
}

func run(ctx context.Context, out io.Writer, f *flags, standalone bool, list []host.Unit) (err error) {
	cfg, s, err := f.read(standalone)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.Level)); err != nil {
		return fmt.Errorf("host.level: %w", err)
	}
	log := host.NewLog(level, s.Log == "text")
	// Half the work per collection of the default: the live heap is mostly cells that stay. GOGC and GOMEMLIMIT override.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if s.Memory > 0 {
		debug.SetMemoryLimit(s.Memory << 20)
	}
	if err := os.MkdirAll(f.data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	telemetry, err := host.NewTelemetry(ctx, s.OTLP, version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bounded(5*time.Second, telemetry.Stop)) }()

	opt := host.Options{
		GRPC: s.GRPC, HTTP: s.HTTP, Admin: s.Admin, DataDir: f.data, Config: cfg, Log: log, Telemetry: telemetry, Peers: s.Peers,
	}
	url, natsOpts, natsAddr := s.NATS, []nats.Option(nil), ""
	if standalone {
		e, err := embedded.Start(embedded.Options{Dir: filepath.Join(f.data, "nats"), Listen: s.NATS, Sync: s.Durability == "power"})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bounded(30*time.Second, e.Stop)) }()
		url, natsOpts, natsAddr = "", e.ClientOptions(), e.Addr()
		opt.MendBus = e.Mend
	} else if url == "" {
		return errors.New("a service of a fleet needs --nats URL (or host.nats in the configuration); `touchstone standalone` brings its own")
	}
	connecting, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	b, err := bus.Connect(connecting, url, "touchstone", log, natsOpts...)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.EnsureStreams(connecting); err != nil {
		return err
	}
	opt.Bus = b
	if standalone {
		if err := firstKey(connecting, b, filepath.Join(f.data, "keys")); err != nil {
			return err
		}
	}
	opt.Ready = func(a host.Addresses) {
		if err := cfg.Unused(); err != nil {
			log.Warn("configuration", "error", err)
		}
		announce(out, a, natsAddr, f.data, standalone)
	}
	return host.Run(ctx, opt, list...)
}

func bounded(d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return f(ctx)
}

func announce(out io.Writer, a host.Addresses, natsAddr, data string, standalone bool) {
	text := fmt.Sprintf("touchstone %s serves\n  gRPC     %s\n  events   http://%s/v1/events\n  admin    http://%s/metrics /healthz /readyz\n", version, a.GRPC, a.HTTP, a.Admin)
	if natsAddr != "" {
		text += fmt.Sprintf("  NATS     nats://%s (ts.in.<organisation>.<source>)\n", natsAddr)
	}
	if standalone {
		text += fmt.Sprintf("  keys     %s\n", filepath.Join(data, "keys"))
	}
	if _, err := io.WriteString(out, text); err != nil {
		return // nobody listens
	}
}

// firstKey leaves the admin key of a new instance in a file that its owner alone can read.
func firstKey(ctx context.Context, b *bus.Bus, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	keys, err := access.NewKeys(ctx, b.JS(), time.Now)
	if err != nil {
		return err
	}
	defer keys.Close()
	_, err = keys.Bootstrap(ctx, dir)
	return err
}
