package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a process has used since it began.
type usage struct {
	cpu     time.Duration // user and system
	written int64         // bytes sent to the disk
}

// minus is what was used since before.
func (u usage) minus(before usage) usage {
	return usage{u.cpu - before.cpu, u.written - before.written}
}

// clockTick is the unit of /proc/PID/stat: 100 Hz on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// processUsage reads a process's usage from /proc.
func processUsage(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	// The name in parentheses may hold spaces; utime and stime are the 14th and 15th fields.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(n) * clockTick
	}
	u.written, err = procField(pid, "io", "write_bytes:")
	return u, err
}

// residentBytes is a process's memory in RAM.
func residentBytes(pid int) (int64, error) {
	kib, err := procField(pid, "status", "VmRSS:")
	return kib << 10, err
}

func procField(pid int, file, name string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.Fields(v)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("/proc/%d/%s has no %s", pid, file, name)
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// othersCPU is the CPU time of all that does not belong to the bench, and what the hypervisor gave to other machines. Of the
// processes that the bench started those count that have ended.
func othersCPU() (d time.Duration, err error) {
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		return 0, err
	}
	d -= ownCPU() + time.Duration(children.Utime.Nano()+children.Stime.Nano())
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(first) {
		// cpu user nice system idle iowait irq softirq steal …
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		d += time.Duration(n) * clockTick
	}
	return d, nil
}

// folderBytes is the disk space of all files under dir.
func folderBytes(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreMissing(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		// Blocks may be reserved ahead, and a sparse file has fewer than its size.
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			total += min(info.Size(), st.Blocks*512)
		}
		return nil
	})
	return total, err
}

// ignoreMissing: files of a running store come and go.
func ignoreMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// onDisk fails for a folder in memory, where an fsync costs nothing.
func onDisk(dir string) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return err
	}
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	if st.Type == tmpfs || st.Type == ramfs {
		return fmt.Errorf("%s is in memory, where fsync costs nothing: choose a folder on a disk with -dir", dir)
	}
	return nil
}

// child makes cmd end with this process, whatever ends it.
func child(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}

// machine says on what the figures were measured.
func machine() map[string]string {
	m := map[string]string{"cores": strconv.Itoa(runtime.GOMAXPROCS(0)), "go": runtime.Version()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				m["cpu"] = strings.TrimSpace(v)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m["kernel"] = strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m["load before"] = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	return m
}
