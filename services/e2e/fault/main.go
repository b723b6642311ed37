// Command fault breaks a running Touchstone again and again while sources publish, and proves after each fault that every
// acknowledged fact counts, once. Its sources and its recount share no code with the services.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/touchstone-cx/touchstone/services/e2e/disk"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
)

// settings are what every fault is run with.
type settings struct {
	rounds     int
	seed       uint64
	writers    int
	rate       int
	compare    int
	verify     int
	dir        string
	bin        string
	durability string
	diskSize   int64
}

const usage = `usage: fault kill|power|order [flags]

  kill   kill -9 at random instants under load; then every acknowledged fact counted once, scores equal a recount
  power  the same with the disk's power cut; needs root, loop devices and mkfs.ext4. -check only says whether it could run
  order  the same facts in other orders give the same hash
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := 0
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		code = 1
	}
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errors.New("say what to do")
	}
	name := args[0]
	var s settings
	var check, keep bool
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.IntVar(&s.rounds, "rounds", 0, "how many faults, or histories (0: 200 kills, 20 power cuts, 1000 histories)")
	f.Uint64Var(&s.seed, "seed", 0, "seed of chance (0: another each time; it is printed)")
	f.IntVar(&s.writers, "writers", 4, "sources that publish at once")
	f.IntVar(&s.rate, "rate", 4000, "facts a second, all sources together")
	f.IntVar(&s.compare, "compare", 0, "compare with the recount every so many rounds (0: each of the first ten, then every tenth)")
	f.IntVar(&s.verify, "verify", 10, "run verify every so many rounds, and at the end")
	f.StringVar(&s.dir, "dir", "", "folder for data, journal and log (a temporary one otherwise)")
	f.StringVar(&s.bin, "bin", os.Getenv("TOUCHSTONE_BIN"), "binary of touchstone (built otherwise)")
	f.StringVar(&s.durability, "durability", "power", "host.durability of touchstone; power cuts with process show that this test finds what is lost")
	f.Int64Var(&s.diskSize, "disk", 4<<30, "bytes of the disk whose power is cut (its file is sparse)")
	f.BoolVar(&check, "check", false, "power: only say what is missing")
	f.BoolVar(&keep, "keep", false, "keep the folder, also when all is well")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	if name == "power" {
		if done, err := alone(ctx); done || err != nil {
			return err
		}
	}
	if s.seed == 0 {
		s.seed = uint64(time.Now().UnixNano()) % 1_000_000_007
	}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "touchstone-fault-"); err != nil {
			return err
		}
		defer func() {
			if check || err == nil && !keep {
				err = errors.Join(err, os.RemoveAll(s.dir))
			} else {
				fmt.Println("data, journal and log are kept in", s.dir)
			}
		}()
	}
	if name == "power" {
		if err := disk.Missing(ctx, s.dir); err != nil {
			return fmt.Errorf("power cuts cannot be tried here; missing:\n%w", err)
		}
		if check {
			fmt.Println("power cuts can be tried here")
			return nil
		}
	}
	if s.bin == "" {
		if s.bin, err = instance.Build(ctx, s.dir); err != nil {
			return err
		}
	}
	if s.bin, err = filepath.Abs(s.bin); err != nil {
		return err
	}
	fmt.Printf("%s, seed %d\n", name, s.seed)
	switch name {
	case "kill":
		return kill(ctx, s)
	case "power":
		return power(ctx, s)
	case "order":
		return shuffled(ctx, s)
	}
	fmt.Fprint(os.Stderr, usage)
	return errors.New("there is no such thing to do")
}
