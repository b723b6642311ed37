package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// open opens a file named by hand.
func open(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, failed("%v", err)
	}
	return f, nil
}

// readFull fills b as far as r reaches.
func readFull(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

func tailCommand(o *options) *cobra.Command {
	t := &tail{}
	c := &cobra.Command{
		Use:   "tail FILE",
		Short: "Follow a file of native records and publish what is appended",
		Long: `Follow a file of native records, such as Asterisk's queue_log, and publish its lines as they are appended, by the feed of
--source. It begins where it stood when it was last ended, goes on in the new file when the old one is rotated, and waits
while Touchstone is away. How far it came is kept by Touchstone, by the file's first line.`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		t.session, t.name, t.organisation = s, args[0], org
		return t.run(ctx)
	})
	c.Flags().StringVar(&t.source, "source", "", "source `id` whose feed holds")
	c.Flags().BoolVar(&t.once, "once", false, "end at the end of the file")
	c.Flags().BoolVar(&t.again, "again", false, "begin at the first line, as after a change of the feed: what was taken before stays as it is")
	return c
}

// tail is one run over a file and those that take its place.
type tail struct {
	*session
	name, organisation, source string
	once, again                bool

	file   *os.File
	lines  *bufio.Reader
	part   []byte // of a line that is not complete yet
	at     *ingestv1.Import
	offset int64 // of the next line
	saved  time.Time
	sum    ingestv1.PublishNativeResponse
}

const (
	tailBytes = 1 << 20
	tailEvery = 500 * time.Millisecond
)

func (t *tail) run(ctx context.Context) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	defer func() { _ = t.file.Close() }()
	err := t.follow(ctx)
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if saveErr := t.save(saving); err == nil {
		err = saveErr
	}
	if err == nil || ctx.Err() != nil {
		err = t.say(t.out, "%s: %s events of source %s published, %d lines could not be read; it stands at line %s", t.name, thousands(fmt.Sprint(t.sum.GetEvents())), t.source, len(t.sum.GetProblems())+int(t.sum.GetMoreProblems()), thousands(fmt.Sprint(t.at.GetRowsDone())))
	}
	return err
}

// open opens the file and finds where an earlier run stood in it.
func (t *tail) open(ctx context.Context) error {
	f, err := open(t.name)
	if err != nil {
		return err
	}
	t.file, t.lines, t.part, t.offset = f, bufio.NewReaderSize(f, 64<<10), nil, 0
	t.at = nil
	return t.find(ctx)
}

// find looks up how far the file is done; a file without a first line is done nowhere.
func (t *tail) find(ctx context.Context) error {
	first, err := t.first()
	if err != nil || first == nil {
		return err
	}
	sum := sha256.Sum256(append([]byte(t.source+"\x00"), first...))
	id := "tail-" + hex.EncodeToString(sum[:12])
	known, err := t.ingest.GetImport(ctx, &ingestv1.GetImportRequest{Organisation: t.organisation, ImportId: id})
	if err != nil {
		return err
	}
	t.at = known.GetImport()
	if t.at.GetImportId() == "" {
		t.at = newImport(id, 0)
	}
	if t.again {
		t.again, t.at.RowsDone = false, 0 // of this file, and not of those that take its place
	}
	for n := uint64(0); n < t.at.GetRowsDone(); n++ {
		line, err := t.lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			t.offset += int64(len(line))
			line, err = t.lines.ReadSlice('\n')
		}
		t.offset += int64(len(line))
		if errors.Is(err, io.EOF) {
			t.at.RowsDone = n // it was cut off
			break
		}
		if err != nil {
			return failed("%s cannot be read: %v", t.name, err)
		}
	}
	return nil
}

// first returns the first line, nil while it is not complete.
func (t *tail) first() ([]byte, error) {
	b := make([]byte, 64<<10)
	n, err := t.file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, failed("%s cannot be read: %v", t.name, err)
	}
	line, _, complete := bytes.Cut(b[:n], []byte{'\n'})
	if !complete && n < len(b) {
		return nil, nil
	}
	return line, nil
}

func (t *tail) follow(ctx context.Context) error {
	for {
		body, lines, err := t.read()
		if err != nil {
			return err
		}
		if lines > 0 {
			if err := t.publish(ctx, body); err != nil {
				return err
			}
			t.at.RowsDone += lines
			t.offset += int64(len(body))
			if time.Since(t.saved) > saveEvery {
				if err := t.save(ctx); err != nil {
					return err
				}
			}
			continue
		}
		if t.once {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tailEvery):
		}
		if err := t.rotated(ctx); err != nil {
			return err
		}
	}
}

// read returns the next complete lines, none when there is none.
func (t *tail) read() (body []byte, lines uint64, err error) {
	if t.at == nil {
		return nil, 0, nil
	}
	for len(body) < tailBytes {
		line, err := t.lines.ReadSlice('\n')
		t.part = append(t.part, line...)
		if errors.Is(err, bufio.ErrBufferFull) {
			if len(t.part) > tailBytes {
				return nil, 0, failed("%s: line %d is longer than 1 MiB: is this a file of native records?", t.name, t.at.GetRowsDone()+lines+1)
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, failed("%s cannot be read: %v", t.name, err)
		}
		body = append(body, t.part...)
		t.part = t.part[:0]
		lines++
	}
	return body, lines, nil
}

// rotated goes on in another file once this one has been replaced or cut off, and its last lines are read.
func (t *tail) rotated(ctx context.Context) error {
	if t.at == nil {
		return t.find(ctx)
	}
	now, err := os.Stat(t.name)
	if errors.Is(err, os.ErrNotExist) {
		return nil // between two files
	}
	if err != nil {
		return failed("%v", err)
	}
	mine, err := t.file.Stat()
	if err != nil {
		return failed("%s: %v", t.name, err)
	}
	if os.SameFile(now, mine) && now.Size() >= t.offset {
		return nil
	}
	// What was written between the last read and the rotation.
	if body, lines, err := t.read(); err != nil {
		return err
	} else if lines > 0 {
		if err := t.publish(ctx, body); err != nil {
			return err
		}
		t.at.RowsDone += lines
	}
	if err := t.save(ctx); err != nil {
		return err
	}
	if err := t.file.Close(); err != nil {
		return failed("%s: %v", t.name, err)
	}
	return t.open(ctx)
}

// publish sends lines until they are taken: while Touchstone is away it waits.
func (t *tail) publish(ctx context.Context, body []byte) error {
	for wait := tailEvery; ; wait = min(2*wait, 10*time.Second) {
		a, err := t.native.PublishNative(ctx, &ingestv1.PublishNativeRequest{Organisation: t.organisation, Source: t.source, Body: body, Origin: fmt.Sprintf("%s:%d", t.name, t.offset)})
		switch status.Code(err) {
		case codes.OK:
			t.sum.Events += a.GetEvents()
			for _, p := range a.GetProblems() {
				if _, err := fmt.Fprintln(t.err, place(t.name, int(t.at.GetRowsDone())+int(p.GetLine()), p.GetField(), p.GetMessage(), p.GetRemedy())); err != nil {
					return err
				}
			}
			t.sum.MoreProblems += uint32(len(a.GetProblems())) + a.GetMoreProblems()
			return nil
		case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if wait == tailEvery {
				if err := t.say(t.err, "waiting: %s", readable(err, t.server)); err != nil {
					return err
				}
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(wait):
			}
		case codes.InvalidArgument:
			// Not one of the lines could be read. They are listed with the source's refusals; what follows may be in order.
			if _, err := fmt.Fprintln(t.err, place(t.name, int(t.at.GetRowsDone())+1, "", readable(err, t.server).Error(), "")); err != nil {
				return err
			}
			t.sum.MoreProblems++
			return nil
		default:
			return err
		}
	}
}

func (t *tail) save(ctx context.Context) error {
	if t.at == nil {
		return nil
	}
	t.saved = time.Now()
	_, err := t.ingest.SaveImport(ctx, &ingestv1.SaveImportRequest{Organisation: t.organisation, Import: t.at})
	return err
}
