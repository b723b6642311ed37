package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsCommand makes this program a NATS server, so that the references have one in a process of its own, as they would.
const natsCommand = "nats-server"

const (
	eventStream  = "EVENT"
	eventSubject = "event.bench"
)

// serveNATS serves until its input ends. Its settings are the defaults: synced to disk every two minutes.
func serveNATS(args []string) error {
	f := flag.NewFlagSet(natsCommand, flag.ContinueOnError)
	dir := f.String("dir", "", "folder of JetStream")
	if err := f.Parse(args); err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: *dir, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		return errors.New("the NATS server did not become ready")
	}
	fmt.Println(s.ClientURL())
	_, err = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	s.WaitForShutdown()
	return err
}

// broker is that server, and a client of it.
type broker struct {
	cmd   *exec.Cmd
	stdin io.Closer
	nc    *nats.Conn
	js    jetstream.JetStream
}

// inFlight is how many messages PublishAsync may have on their way: 8,192 and 32,768 were no faster.
const inFlight = 1024

func startBroker(ctx context.Context, dir string) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &broker{cmd: child(exec.Command(self, natsCommand, "-dir", dir))}
	k.cmd.Stderr = os.Stderr
	in, err := k.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	k.stdin = in
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		k.nc, err = nats.Connect(strings.TrimSpace(url))
	}
	if err == nil {
		k.js, err = jetstream.New(k.nc, jetstream.WithPublishAsyncMaxPending(inFlight))
	}
	if err == nil {
		_, err = k.js.CreateStream(ctx, jetstream.StreamConfig{Name: eventStream, Subjects: []string{eventSubject}, Storage: jetstream.FileStorage})
	}
	if err != nil {
		return nil, errors.Join(err, k.stop())
	}
	return k, nil
}

func (k *broker) stop() error {
	if k.nc != nil {
		k.nc.Close()
	}
	return errors.Join(k.stdin.Close(), k.cmd.Wait())
}

func (k *broker) usage() (usage, error) { return processUsage(k.cmd.Process.Pid) }

// publishEach publishes facts one a message and returns when all are acknowledged.
func (k *broker) publishEach(ctx context.Context, facts int) error {
	p := newPublisher(saturate())
	batches := p.batches()
	for i, n := 0, 0; n < facts; i++ {
		b := batches[i%len(batches)]
		b.fill(uint64(n), time.Now().Unix())
		for s := range b.slots[:min(len(b.slots), facts-n)] {
			if _, err := k.js.PublishAsync(eventSubject, b.frame[b.slots[s].start:b.slots[s].end], jetstream.WithStallWait(time.Minute)); err != nil {
				return err
			}
			n++
		}
	}
	select {
	case <-k.js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
