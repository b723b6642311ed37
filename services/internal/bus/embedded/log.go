package embedded

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serverLog hands the server's log to ours and remembers what only the log tells: why it cannot run, and that a stream can
// no longer be written.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal string
	write string
}

func (l *serverLog) fatalError() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *serverLog) writeError() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write
}

// Fatalf is called instead of exiting.
func (l *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.mu.Lock()
	l.fatal = text
	l.mu.Unlock()
	l.log.Error("NATS server cannot run", "error", text)
}

func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	if low := strings.ToLower(text); strings.Contains(low, "critical write error") || strings.Contains(low, "will be disabled") {
		l.mu.Lock()
		l.write = text
		l.mu.Unlock()
	}
	l.log.Error("NATS server", "error", text)
}

func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("NATS server", "warning", fmt.Sprintf(format, v...))
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("NATS server", "notice", fmt.Sprintf(format, v...))
}

// Debugf and Tracef are never called: both are switched off.
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}
