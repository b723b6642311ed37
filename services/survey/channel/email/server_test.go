package email_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/email"
)

const (
	user     = "touchstone"
	password = "s3cret-of-the-relay"
)

// server is a mail server of this process.
type server struct {
	*smtp.Server
	address string
	ca      string // file of its certificate
	release chan struct{}
	stop    func()

	mu    sync.Mutex
	fails map[string]error // by command: AUTH, MAIL, RCPT, DATA, END
	hangs string           // command that is never answered
	mails []received
}

// received is an e-mail as it came.
type received struct {
	from string
	to   []string
	data []byte
}

// serve starts a server: starttls, implicit or none.
func serve(t *testing.T, security string) *server {
	t.Helper()
	certificate, file := certify(t)
	s := &server{ca: file, release: make(chan struct{}), fails: map[string]error{}}
	s.Server = smtp.NewServer(s)
	s.Domain, s.ErrorLog = "localhost", log.New(io.Discard, "", 0)
	s.AllowInsecureAuth = security == "none"
	s.EnableSMTPUTF8 = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	switch security {
	case "starttls":
		s.TLSConfig = config
	case "implicit":
		listener = tls.NewListener(listener, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener)
	}()
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			close(s.release)
			_ = s.Close()
			_ = listener.Close() // a server that had not begun to serve did not
			<-done
		})
	}
	t.Cleanup(s.stop)
	return s
}

// config is that of a channel to it.
func (s *server) config(t *testing.T, security string) email.Config {
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	return email.Config{
		Host: "127.0.0.1", Port: number, TLS: security, CAFile: s.ca, From: "surveys@wagtail.example", ReplyTo: "help@wagtail.example",
		User: user, PasswordFile: channeltest.File(t, password), Timeout: 10 * time.Second,
	}
}

func (s *server) set(command string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.hangs = map[string]error{command: err}, ""
}

func (s *server) hang(command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.hangs = map[string]error{}, command
}

// does is what a command meets.
func (s *server) does(command string) error {
	s.mu.Lock()
	err, hangs := s.fails[command], s.hangs == command
	s.mu.Unlock()
	if hangs {
		<-s.release
	}
	return err
}

func (s *server) received() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received{}, s.mails...)
}

// NewSession implements smtp.Backend.
func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

type session struct {
	server *server
	conn   *smtp.Conn
	known  bool
	mail   received
}

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, u, p string) error {
		if err := x.server.does("AUTH"); err != nil {
			return err
		}
		if u != user || p != password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "not " + p}
		}
		x.known = true
		return nil
	}), nil
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := x.server.does("MAIL"); err != nil {
		return err
	}
	if !x.known {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "who are you"}
	}
	x.mail.from = from
	return nil
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := x.server.does("RCPT"); err != nil {
		return err
	}
	x.mail.to = append(x.mail.to, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	if err := x.server.does("DATA"); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := x.server.does("END"); err != nil {
		return err
	}
	x.mail.data = bytes.Clone(data)
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	x.server.mails = append(x.server.mails, x.mail)
	return nil
}

func (x *session) Reset() {
	x.mail = received{}
	if x.server.does("RSET") != nil {
		_ = x.conn.Conn().Close()
	}
}

func (x *session) Logout() error { return nil }

// says is a server's refusal, which quotes the address as servers do.
func says(code int, enhanced ...int) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode(enhanced), Message: "<zoe.canary@example.net> Zoë Canary: no"}
}

// certify makes a certificate for this machine, and writes it into a file.
func certify(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, channeltest.File(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}
