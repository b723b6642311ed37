package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

func backupCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all facts and maps to a file",
		Long: `Write all facts and maps to a file, without any key: who holds only the backup can read no comment and reach no
customer. The file appears under its name when it is complete. Keep the key folder's own copy elsewhere.`,
		Args: cobra.ExactArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			stream, err := s.admin.Backup(ctx, &adminv1.BackupRequest{})
			if err != nil {
				return err
			}
			n, err := writeWhole(args[0], func(w io.Writer) (int64, error) {
				var total int64
				for {
					piece, err := stream.Recv()
					if errors.Is(err, io.EOF) {
						return total, nil
					}
					if err != nil {
						return total, err
					}
					n, err := w.Write(piece.GetData())
					total += int64(n)
					if err != nil {
						return total, failed("%v", err)
					}
				}
			})
			if err != nil {
				return err
			}
			return s.say(s.out, "%s: %s bytes", args[0], thousands(fmt.Sprint(n)))
		}),
	}
}

// writeWhole writes a file beside its place and moves it there once it is whole and on disk. An existing file is refused:
// it may be the only other backup.
func writeWhole(name string, write func(io.Writer) (int64, error)) (int64, error) {
	if _, err := os.Stat(name); err == nil {
		return 0, failed("%s exists already: choose another name", name)
	}
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, failed("%v", err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	n, err := write(buffered)
	if err == nil {
		err = errors.Join(buffered.Flush(), f.Sync())
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return n, errors.Join(err, os.Remove(part))
	}
	return n, nil
}

func restoreCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill an empty Touchstone from a backup",
		Args:  cobra.ExactArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) (err error) {
			f, err := os.Open(args[0])
			if err != nil {
				return failed("%v", err)
			}
			defer func() { err = errors.Join(err, f.Close()) }()
			stream, err := s.admin.Restore(ctx)
			if err != nil {
				return err
			}
			piece := make([]byte, 256<<10)
			for {
				n, err := f.Read(piece)
				if n > 0 {
					// On an io.EOF of Send the reason comes with CloseAndRecv.
					if err := stream.Send(&adminv1.RestoreRequest{Data: piece[:n]}); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						return err
					}
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return failed("%s cannot be read: %v", args[0], err)
				}
			}
			r, err := stream.CloseAndRecv()
			if err != nil {
				return err
			}
			return s.say(s.out, "restored %s messages, %s facts", thousands(fmt.Sprint(r.GetMessages())), thousands(fmt.Sprint(r.GetFacts())))
		}),
	}
}
