package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

func parkedCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "parked", Short: "List, show and replay messages that could not be processed"}
	var raw bool
	show := &cobra.Command{
		Use: "show NUMBER", Short: "Show one parked message", Args: cobra.ExactArgs(1),
	}
	show.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		n, err := parkedNumber(args[0])
		if err != nil {
			return err
		}
		m, err := s.admin.GetParked(ctx, &adminv1.GetParkedRequest{Number: n})
		if err != nil {
			return err
		}
		if raw {
			_, err := s.out.Write(m.GetData())
			return err
		}
		p := m.GetMessage()
		return s.emit(pairs(pair("number", count(p.GetNumber())), pair("parked at", timeCell(p.GetParkedAt(), time.UTC)), pair("why", word(p.GetReason())),
			pair("subject", word(p.GetSubject())), pair("stream", word(p.GetStream())), pair("sequence", count(p.GetSequence())),
			pair("bytes", count(p.GetSize())), pair("begins with", word(fmt.Sprintf("%q", m.GetData()[:min(len(m.GetData()), 64)])))), []proto.Message{m})
	})
	show.Flags().BoolVar(&raw, "raw", false, "write its bytes, for a file or a pipe")
	var all bool
	replay := &cobra.Command{
		Use: "replay NUMBER… | replay --all", Short: "Put parked messages back where they came from",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return fmt.Errorf("give numbers, or --all")
			}
			return nil
		},
	}
	replay.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		var numbers []uint64
		for _, a := range args {
			n, err := parkedNumber(a)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		}
		if all {
			list, err := s.parked(ctx)
			if err != nil {
				return err
			}
			for _, m := range list {
				numbers = append(numbers, m.GetNumber())
			}
		}
		for _, n := range numbers {
			r, err := s.admin.ReplayParked(ctx, &adminv1.ReplayParkedRequest{Number: n})
			if err != nil {
				return err
			}
			if err := s.say(s.out, "%d is back in its stream as %d", n, r.GetSequence()); err != nil {
				return err
			}
		}
		return nil
	})
	replay.Flags().BoolVar(&all, "all", false, "all of them")
	c.AddCommand(&cobra.Command{
		Use: "list", Short: "List parked messages, oldest first", Args: cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			parked, err := s.parked(ctx)
			if err != nil {
				return err
			}
			if len(parked) == 0 {
				if err := s.say(s.err, "nothing is parked"); err != nil {
					return err
				}
			}
			t := &sheet{head: []string{"number", "parked at", "subject", "sequence", "bytes", "why"}}
			for _, m := range parked {
				t.add(count(m.GetNumber()), timeCell(m.GetParkedAt(), time.UTC), word(m.GetSubject()), count(m.GetSequence()), count(m.GetSize()), word(m.GetReason()))
			}
			return s.emit(t, messages(parked))
		}),
	}, show, replay)
	return c
}

func parkedNumber(v string) (uint64, error) {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, failed("%q is not a number of touchstone parked list", v)
	}
	return n, nil
}

func (s *session) parked(ctx context.Context) ([]*adminv1.ParkedMessage, error) {
	var out []*adminv1.ParkedMessage
	for token := ""; ; {
		page, err := s.admin.ListParked(ctx, &adminv1.ListParkedRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, err
		}
		out = append(out, page.GetMessages()...)
		if token = page.GetNextPageToken(); token == "" {
			return out, nil
		}
	}
}
