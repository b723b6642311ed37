package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/importer"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/publisher"
)

type importFlags struct {
	mapping, id, refused string
	version              uint64
}

func importCommand(o *options) *cobra.Command {
	f := &importFlags{}
	c := &cobra.Command{
		Use:   "import FILE --mapping MAPPING",
		Short: "Import a CSV or NDJSON file as history",
		Long: `Import a CSV or NDJSON file as history: it changes scores, but never invites, alerts or opens a case.

Every row that cannot be taken is reported as file:line: field: message — remedy, and the rest is taken. An interrupted
import goes on where it was when the same command is run again; a complete one is not repeated. touchstone retract --import
takes all of an import back.

Exits with 0 when every row was taken, with 2 when some were refused, with 1 when it could not go on.`,
		Example: "  touchstone import survey.csv --mapping survey.yaml",
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error { return f.run(ctx, s, args[0]) })
	c.Flags().StringVar(&f.mapping, "mapping", "", "`file` that says how rows become facts")
	c.Flags().StringVar(&f.id, "import-id", "", "`id` to retract by (without, one made of organisation, source, mapping and the file's content)")
	c.Flags().Uint64Var(&f.version, "version", 0, "version of facts without one of their own; above an earlier import's to correct it")
	c.Flags().StringVar(&f.refused, "refused", "", "also write refused rows' problems to this `file`")
	return c
}

func (f *importFlags) run(ctx context.Context, s *session, name string) (err error) {
	if f.mapping == "" {
		return failed("--mapping is missing: name the file that says how rows become facts")
	}
	m, mapping, err := readMapping(f.mapping)
	if err != nil {
		return err
	}
	org := or(s.organisation, m.Organisation)
	if org == "" {
		if org, err = s.org(ctx); err != nil {
			return err
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return failed("%v", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return failed("%s is not a file that can be read twice, which going on after an interruption takes", name)
	}
	version := max(f.version, m.Version())
	id := f.id
	if id == "" {
		if id, err = importID(org, m.Source, mapping, version, file); err != nil {
			return failed("%s cannot be read: %v", name, err)
		}
	}
	known, err := s.ingest.GetImport(ctx, &ingestv1.GetImportRequest{Organisation: org, ImportId: id})
	if err != nil {
		return err
	}
	run := &importRun{session: s, mapping: m, file: name, organisation: org, state: known.GetImport(), version: version, size: info.Size()}
	if run.state == nil || run.state.GetStartedAt() == nil {
		run.state = newImport(id, version)
	} else if f.version == 0 {
		run.version = run.state.GetVersion()
	}
	if run.state.GetComplete() {
		return run.summary()
	}
	rows, problems, err := m.Open(file)
	if err != nil {
		return failed("%s: %v", name, err)
	}
	if len(problems) > 0 {
		return mappingProblems(f.mapping, problems)
	}
	if f.refused != "" {
		list, err := os.OpenFile(f.refused, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return failed("%v", err)
		}
		defer func() { err = errors.Join(err, list.Close()) }()
		run.refused = list
	}
	return run.all(ctx, rows)
}

func readMapping(name string) (*importer.Mapping, []byte, error) {
	data, err := readFile(name, 1<<20)
	if err != nil {
		return nil, nil, err
	}
	m, problems := importer.Parse(data)
	if len(problems) > 0 {
		return nil, nil, mappingProblems(name, problems)
	}
	return m, data, nil
}

func mappingProblems(name string, problems []importer.Problem) error {
	text := ""
	for i, p := range problems {
		if i > 0 {
			text += "\n"
		}
		text += place(name, p.Line, p.Field, p.Message, p.Remedy)
	}
	return failed("%s", text)
}

// importID names an import by what it is, so that the same command finds its own progress again. Each part is hashed with
// its length: no two lists of parts read alike.
func importID(org, source string, mapping []byte, version uint64, file io.ReadSeeker) (string, error) {
	content := sha256.New()
	if _, err := io.Copy(content, file); err != nil {
		return "", err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(org), []byte(source), mapping, fmt.Append(nil, version), content.Sum(nil)} {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// giveUp is how long an import waits for a service that is away. Run again it goes on.
const giveUp = 2 * time.Minute

// publish sends batches, telling people of trouble on the way.
func (s *session) publish(ctx context.Context, c publisher.Config, next publisher.Next, done publisher.Done) error {
	c.Client = s.ingest
	var told time.Time
	c.Told = func(err error, wait time.Duration) {
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			fmt.Fprintf(s.err, "waiting for Touchstone: %s\n", readable(err, s.server))
		}
	}
	err := publisher.Run(ctx, c, next, done)
	var refused *publisher.Refused
	if errors.As(err, &refused) {
		return &Error{Code: ExitNotAllowed, Text: clean(refused.Error()), err: err}
	}
	return err
}
