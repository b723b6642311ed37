package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/importer"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/publisher"
)

// importRun is one run over one file. Its order: rows are read ahead, published in batches, and counted when their batch is
// done; the progress saved is therefore never ahead of what is on disk.
type importRun struct {
	*session
	mapping      *importer.Mapping
	file         string
	organisation string
	state        *ingestv1.Import
	version      uint64
	size         int64
	refused      io.Writer // beside standard error; nil for none

	noValue int
	saved   time.Time
	bar     *progress
}

// saveEvery is how often progress is saved. What is done again after an interruption is a duplicate and harmless.
const saveEvery = 2 * time.Second

// rowsOf is what a batch of an import remembers about its rows.
type rowsOf struct {
	last     *importer.Row
	lines    []int // line of each fact
	rows     []uint64
	problems []importer.Problem
	bad      map[uint64]bool
	noValue  int
}

func newImport(id string, version uint64) *ingestv1.Import {
	return &ingestv1.Import{ImportId: id, StartedAt: timestamppb.Now(), Version: version}
}

func (r *importRun) all(ctx context.Context, rows importer.Reader) error {
	skip := r.state.GetRowsDone()
	if skip > 0 {
		if err := r.say(r.err, "going on after row %s of import %s", thousands(fmt.Sprint(skip)), r.state.GetImportId()); err != nil {
			return err
		}
	}
	r.bar = newProgress(r.err, r.size)
	r.saved = time.Now()
	next := r.reader(rows, skip)
	err := r.publish(ctx, publisher.Config{Organisation: r.organisation, Source: r.mapping.Source, ImportID: r.state.GetImportId(), GiveUp: giveUp}, next, func(b *publisher.Batch, results []*ingestv1.FactResult) error {
		return r.done(ctx, b, results)
	})
	r.bar.end()
	r.state.Complete = err == nil
	// Also after an interruption, and so without its context: it is what the next run begins from.
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if saveErr := r.save(saving); err == nil && saveErr != nil {
		return saveErr
	}
	if err != nil {
		again := readable(err, r.server)
		return &Error{Code: ExitCode(again), Text: fmt.Sprintf("%s\nthe import stands at row %s: run the same command again to go on", again, thousands(fmt.Sprint(r.state.GetRowsDone()))), err: err}
	}
	return r.summary()
}

// reader makes batches of rows, none of them larger than a batch may be.
func (r *importRun) reader(rows importer.Reader, skip uint64) publisher.Next {
	var held *publisher.Batch
	ended := false
	return func(ctx context.Context) (*publisher.Batch, error) {
		b := held
		held = nil
		if b == nil {
			b = newRows()
		}
		size := batchSize(b.Facts)
		for !ended && ctx.Err() == nil {
			row, result, err := r.row(rows, skip)
			if errors.Is(err, io.EOF) {
				ended = true
				break
			}
			if err != nil {
				return nil, failed("%s: %v", r.file, err)
			}
			if row == nil {
				continue
			}
			more := batchSize(result.Facts)
			if len(b.Facts) > 0 && (len(b.Facts)+len(result.Facts) > publisher.MaxFacts || size+more > publisher.MaxBytes) {
				held = newRows()
				addRow(held, row, result)
				return b, nil
			}
			addRow(b, row, result)
			size += more
			if n := b.Note.(*rowsOf); len(n.problems) >= publisher.MaxFacts || n.noValue >= 100*publisher.MaxFacts {
				return b, nil
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if b.Note.(*rowsOf).last == nil {
			return nil, io.EOF
		}
		return b, nil
	}
}

func newRows() *publisher.Batch { return &publisher.Batch{Note: &rowsOf{bad: map[uint64]bool{}}} }

func batchSize(facts []*factv1.Fact) int {
	n := 0
	for _, f := range facts {
		n += proto.Size(f) + 8
	}
	return n
}

func addRow(b *publisher.Batch, row *importer.Row, result importer.Result) {
	n := b.Note.(*rowsOf)
	n.last = row
	b.Facts = append(b.Facts, result.Facts...)
	for range result.Facts {
		n.lines = append(n.lines, row.Line)
		n.rows = append(n.rows, row.Number)
	}
	n.noValue += result.NoValue
	if len(result.Problems) > 0 {
		n.problems = append(n.problems, result.Problems...)
		n.bad[row.Number] = true
	}
}

// row reads the next row; nil for one that an earlier run has done.
func (r *importRun) row(rows importer.Reader, skip uint64) (*importer.Row, importer.Result, error) {
	row, err := rows.Next()
	var unreadable *importer.RowError
	switch {
	case errors.As(err, &unreadable):
		row = unreadable.Row
	case err != nil:
		return nil, importer.Result{}, err
	}
	if row.Number <= skip {
		return nil, importer.Result{}, nil
	}
	if unreadable != nil {
		return row, importer.Result{Problems: []importer.Problem{unreadable.Problem}}, nil
	}
	return row, r.mapping.Facts(row, r.version), nil
}

// done counts a batch whose facts are all recorded or refused.
func (r *importRun) done(ctx context.Context, b *publisher.Batch, results []*ingestv1.FactResult) error {
	n := b.Note.(*rowsOf)
	for _, p := range n.problems {
		if err := r.refuse(p); err != nil {
			return err
		}
	}
	for i, result := range results {
		if result.GetStatus() == ingestv1.Status_STATUS_RECORDED {
			r.state.FactsRecorded++
			continue
		}
		n.bad[n.rows[i]] = true
		f := result.GetRefusal()
		if err := r.refuse(importer.Problem{Line: n.lines[i], Field: f.GetField(), Message: f.GetMessage(), Remedy: f.GetRemedy()}); err != nil {
			return err
		}
	}
	r.noValue += n.noValue
	r.state.RowsDone = n.last.Number
	r.state.RowsRefused += uint64(len(n.bad))
	r.bar.at(r.state.GetRowsDone(), n.last.End)
	if time.Since(r.saved) > saveEvery {
		r.saved = time.Now()
		return r.save(ctx)
	}
	return nil
}

func (r *importRun) refuse(p importer.Problem) error {
	r.bar.clear()
	line := place(r.file, p.Line, p.Field, p.Message, p.Remedy) + "\n"
	_, err := io.WriteString(r.err, line)
	if r.refused != nil {
		_, also := io.WriteString(r.refused, line)
		err = errors.Join(err, also)
	}
	return err
}

func (r *importRun) save(ctx context.Context) error {
	_, err := r.ingest.SaveImport(ctx, &ingestv1.SaveImportRequest{Organisation: r.organisation, Import: r.state})
	return err
}

// summary tells how the import stands, and exits with 2 when rows were refused.
func (r *importRun) summary() error {
	st := r.state
	taken := st.GetRowsDone() - min(st.GetRowsRefused(), st.GetRowsDone())
	t := &sheet{head: []string{"import", "organisation", "rows", "rows taken", "rows refused", "facts", "without a value"}}
	t.add(word(st.GetImportId()), word(r.organisation), count(st.GetRowsDone()), count(taken), count(st.GetRowsRefused()), count(st.GetFactsRecorded()), count(r.noValue))
	if r.format != "table" {
		if err := r.emit(t, messages([]*ingestv1.Import{st})); err != nil {
			return err
		}
	} else if r.bar == nil {
		if err := r.say(r.out, "import %s of %s is complete: %s rows, %s facts; nothing to do", st.GetImportId(), r.organisation,
			t.rows[0][2].shown, t.rows[0][5].shown); err != nil {
			return err
		}
	} else if err := r.say(r.out, "import %s into %s: %s rows, %s facts recorded, %s values missing, %s rows refused\nundo it with: touchstone retract -o %s --import %s",
		st.GetImportId(), r.organisation, t.rows[0][2].shown, t.rows[0][5].shown, t.rows[0][6].shown, t.rows[0][4].shown, r.organisation, st.GetImportId()); err != nil {
		return err
	}
	if n := st.GetRowsRefused(); n > 0 {
		return inPart("%s of %s rows have refused facts: correct them and import them with a --version above %d", thousands(fmt.Sprint(n)), thousands(fmt.Sprint(st.GetRowsDone())), r.version)
	}
	return nil
}
