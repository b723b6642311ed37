package ingest

import (
	"errors"
	"io"
	"strings"
	"testing"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/audit"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

func (o *office) lines() []*adminv1.AuditLine {
	o.t.Helper()
	lines, _, err := audit.New(o.bus.JS()).List(soon(o.t), "acme", adminv1.AuditKind_AUDIT_KIND_UNSPECIFIED, 0, 100)
	if err != nil {
		o.t.Fatal(err)
	}
	return lines
}

// What is read and done about a customer is in the audit, in words that do not name them; what cannot be audited is not
// answered.
func TestPersonsAreAudited(t *testing.T) {
	o := openOffice(t)
	o.publish(noted("1", 1, "Ida-Leaver", "she said hello"), noted("2", 1, "Ida-Leaver", ""))
	o.about("Ida-Leaver")
	o.about("nobody-there")
	o.forget("Ida-Leaver")
	lines := o.lines()
	if len(lines) != 3 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for i, want := range []struct {
		kind  adminv1.AuditKind
		about string
	}{
		{adminv1.AuditKind_AUDIT_KIND_CUSTOMER_FORGOTTEN, "a customer was forgotten: 2 facts retracted; reason: request 4711"},
		{adminv1.AuditKind_AUDIT_KIND_CUSTOMER_READ, "what is recorded about a customer was read: 0 facts"},
		{adminv1.AuditKind_AUDIT_KIND_CUSTOMER_READ, "what is recorded about a customer was read: 2 facts"},
	} {
		l := lines[i]
		if l.GetKind() != want.kind || l.GetAbout() != want.about || l.GetKey() == "" || l.GetOrganisation() != "acme" || l.GetAt() == nil {
			t.Errorf("line %d is %v, want %s", i, l, want.about)
		}
		if strings.Contains(l.String(), "Leaver") {
			t.Errorf("the audit names them: %v", l)
		}
	}
}

func TestPersonsAreNotToldWithoutAudit(t *testing.T) {
	o := openOffice(t)
	o.publish(noted("1", 1, "Ida-Leaver", "she said hello"))
	if err := o.bus.JS().DeleteStream(soon(t), bus.StreamAudit); err != nil {
		t.Fatal(err)
	}
	st, err := o.persons.AboutCustomer(o.admin, &ingestv1.AboutCustomerRequest{Organisation: "acme", CustomerId: "Ida-Leaver"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := st.Recv(); errors.Is(err, io.EOF) || grpcCode(err) != "Unavailable" {
		t.Errorf("told without an audit: %v, %v", r, err)
	}
	req := &ingestv1.ForgetCustomerRequest{Organisation: "acme", CustomerId: "Ida-Leaver"}
	if r, err := o.persons.ForgetCustomer(o.admin, req); grpcCode(err) != "Unavailable" {
		t.Errorf("forgotten without an audit: %v, %v", r, err)
	}
	if err := o.bus.EnsureStreams(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := o.persons.ForgetCustomer(o.admin, req); err != nil { // the same call completes it
		t.Fatal(err)
	}
	if lines := o.lines(); len(lines) != 1 || lines[0].GetKind() != adminv1.AuditKind_AUDIT_KIND_CUSTOMER_FORGOTTEN {
		t.Errorf("%v", lines)
	}
}
