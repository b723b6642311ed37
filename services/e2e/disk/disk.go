// Package disk gives fault tests a disk of their own that can lose its power: an ext4 image on a loop device.
package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Disk is an ext4 image, mounted or not.
type Disk struct {
	image, mount string
	mounted      bool
}

// shutdown is EXT4_IOC_SHUTDOWN; noLogFlush leaves the journal as it is, as a power cut does.
const (
	shutdown   = 0x8004587d
	noLogFlush = 2
)

// New makes an image of size bytes in dir, sparse, and mounts it. Only root may.
func New(ctx context.Context, dir string, size int64) (*Disk, error) {
	d := &Disk{image: filepath.Join(dir, "disk.ext4"), mount: filepath.Join(dir, "disk")}
	f, err := os.OpenFile(d.image, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.mount, 0o700); err != nil {
		return nil, err
	}
	if err := command(ctx, "mkfs.ext4", "-q", "-F", "-m", "0", d.image); err != nil {
		return nil, err
	}
	return d, d.Mount(ctx)
}

// Dir is where the disk is mounted.
func (d *Disk) Dir() string { return d.mount }

// Mount mounts the disk; after a power cut the kernel replays its journal.
func (d *Disk) Mount(ctx context.Context) error {
	if err := command(ctx, "mount", "-t", "ext4", "-o", "loop,noatime", d.image, d.mount); err != nil {
		return err
	}
	d.mounted = true
	return nil
}

// Cut takes the power away: what was not synced is gone, and from now on every read and write fails.
func (d *Disk) Cut() error {
	f, err := os.Open(d.mount)
	if err != nil {
		return err
	}
	how := uint32(noLogFlush)
	_, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how)))
	if e != 0 {
		return errors.Join(fmt.Errorf("shutting the disk down: %w", e), f.Close())
	}
	return f.Close()
}

// Unmount unmounts the disk, waiting a little for a process that was killed to let go of it.
func (d *Disk) Unmount() error {
	if !d.mounted {
		return nil
	}
	var err error
	for range 100 {
		if err = syscall.Unmount(d.mount, 0); err == nil || errors.Is(err, syscall.EINVAL) {
			d.mounted = false
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("unmounting %s: %w", d.mount, errors.Join(err, syscall.Unmount(d.mount, syscall.MNT_DETACH)))
}

// Close unmounts the disk and removes its image.
func (d *Disk) Close() error {
	return errors.Join(d.Unmount(), os.Remove(d.image), os.Remove(d.mount))
}

// Missing says what a machine lacks for power cuts; nil when a small disk could be made, cut and mounted again.
func Missing(ctx context.Context, dir string) error {
	var errs []error
	if os.Geteuid() != 0 {
		errs = append(errs, errors.New("the rights of root, to mount"))
	}
	for name, of := range map[string]string{"mkfs.ext4": "e2fsprogs", "mount": "mount"} {
		if _, err := exec.LookPath(name); err != nil {
			errs = append(errs, fmt.Errorf("%s (package %s)", name, of))
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		errs = append(errs, errors.New("loop devices (/dev/loop-control)"))
	}
	if len(errs) == 0 {
		if err := try(ctx, dir); err != nil {
			errs = append(errs, fmt.Errorf("a loop-mounted ext4 that can be shut down: %w", err))
		}
	}
	return errors.Join(errs...)
}

func try(ctx context.Context, dir string) (err error) {
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(probe)) }()
	d, err := New(ctx, probe, 16<<20)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Cut(); err != nil {
		return err
	}
	if err := d.Unmount(); err != nil {
		return err
	}
	return d.Mount(ctx)
}

func command(ctx context.Context, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
