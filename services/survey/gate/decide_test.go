package gate_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

var berlin = func() *time.Location {
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return z
}()

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, berlin)

func rules() *gate.Rules {
	return &gate.Rules{Days: 30, AYear: 4, DoNotAsk: map[string]bool{"bereavement": true, "fraud": true}, From: 9 * time.Hour, To: 20 * time.Hour, Zone: berlin}
}

func survey() *gate.Asking {
	return &gate.Asking{ID: "help", Days: 90, Group: "calls", GroupDays: 45, Media: []gate.Medium{gate.Email, gate.SMS}, Open: 14 * 24 * time.Hour, Sampling: gate.Sampling{Share: 1}}
}

func reached() *gate.Case {
	return &gate.Case{Invitation: [16]byte{1}, Now: noon, Delay: time.Hour, Outcome: "answered", Attributes: map[string]string{"plan": "gold"}, Reachable: []gate.Medium{gate.SMS}}
}

func unused() gate.Month { return gate.Month{Answers: func(string, string) int { return 0 }} }

func ago(days float64) time.Time { return noon.Add(-time.Duration(days * 24 * float64(time.Hour))) }

func TestEveryGate(t *testing.T) {
	type setting struct {
		a *gate.Asking
		r *gate.Rules
		c *gate.Case
		p *gate.Person
		m gate.Month
	}
	for _, x := range []struct {
		name   string
		set    func(*setting)
		gate   gate.Gate
		reason string // a part of it
		due    time.Time
	}{
		{"asked an hour later", func(*setting) {}, gate.None, "", noon.Add(time.Hour)},
		{"survey held", func(s *setting) { s.a.Held = "The survey is paused." }, gate.Survey, "paused", time.Time{}},
		{"decided before", func(s *setting) { s.c.Seen = "It was decided about on 2 March." }, gate.Once, "2 March", time.Time{}},
		{"opted out", func(s *setting) { s.p.OptedOut = true }, gate.Consent, "asked not to be asked", time.Time{}},
		{"no consent", func(s *setting) { s.r.ConsentNeeded = true }, gate.Consent, "not recorded", time.Time{}},
		{"consent", func(s *setting) { s.r.ConsentNeeded, s.p.Consented = true, true }, gate.None, "", noon.Add(time.Hour)},
		{"bereavement", func(s *setting) { s.c.Outcome = "bereavement" }, gate.DoNotAsk, "bereavement", time.Time{}},
		{"open case", func(s *setting) { s.p.OpenCase = true }, gate.DoNotAsk, "case", time.Time{}},
		{
			"asked 12 days ago by another", func(s *setting) { s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(12)}} }, gate.Quarantine,
			"They were asked 12 days ago by shop: at least 30 days",
			time.Time{},
		},
		{"asked 31 days ago by another", func(s *setting) { s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(31)}} }, gate.None, "", noon.Add(time.Hour)},
		{
			"asked 31 days ago by this one", func(s *setting) { s.p.Asked = []gate.Asked{{Survey: "help", At: ago(31)}} }, gate.Quarantine,
			"at least 90 days lie between two invitations to this survey",
			time.Time{},
		},
		{
			"asked 31 days ago by the group", func(s *setting) { s.p.Asked = []gate.Asked{{Survey: "chat", Group: "calls", At: ago(31)}} }, gate.Quarantine,
			"of the group calls",
			time.Time{},
		},
		{"the 30 days are full ones", func(s *setting) { s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(30).Add(2 * time.Hour)}} }, gate.Quarantine, "30 days", time.Time{}},
		{"30 days are over once the message is due", func(s *setting) { s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(30).Add(time.Hour)}} }, gate.None, "", noon.Add(time.Hour)},
		{"basis answered, not answered", func(s *setting) {
			s.r.Basis, s.a.Basis = gate.Answered, gate.Answered
			s.p.Asked = []gate.Asked{{Survey: "help", At: ago(3)}}
		}, gate.None, "", noon.Add(time.Hour)},
		{"basis answered", func(s *setting) {
			s.r.Basis = gate.Answered
			s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(40), Answered: ago(20)}}
		}, gate.Quarantine, "They answered 20 days ago by shop", time.Time{}},
		{"four a year", func(s *setting) {
			s.p.Asked = []gate.Asked{{Survey: "a", At: ago(300)}, {Survey: "b", At: ago(200)}, {Survey: "c", At: ago(150)}, {Survey: "d", At: ago(40)}}
		}, gate.Quarantine, "4 invitations came in the last 365 days", time.Time{}},
		{"the fifth in more than a year", func(s *setting) {
			s.p.Asked = []gate.Asked{{Survey: "a", At: ago(366)}, {Survey: "b", At: ago(200)}, {Survey: "c", At: ago(150)}, {Survey: "d", At: ago(40)}}
		}, gate.None, "", noon.Add(time.Hour)},
		{"waits for the quarantine", func(s *setting) {
			s.a.Delay = true
			s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(25)}}
		}, gate.None, "It waits until then", noon.Add(5 * 24 * time.Hour)},
		{"would wait too long", func(s *setting) {
			s.a.Delay = true
			s.p.Asked = []gate.Asked{{Survey: "shop", At: ago(2)}}
		}, gate.Quarantine, "would outlast the 14 days", time.Time{}},
		{"not in the sample", func(s *setting) { s.a.Sampling.Share = 1e-9 }, gate.Sample, "Not in the sample", time.Time{}},
		{"asked past the sample", func(s *setting) { s.a.Sampling.Share, s.c.Forced = 1e-9, true }, gate.None, "", noon.Add(time.Hour)},
		{"stratum", func(s *setting) {
			s.a.Sampling = gate.Sampling{Share: 1, Stratum: "plan", Shares: map[string]float64{"gold": 0.0025}}
			s.c.Invitation = [16]byte{7}
		}, gate.Sample, "0.25% of those with plan gold are asked", time.Time{}},
		{"budget", func(s *setting) { s.a.Sampling.Budget, s.m.Invitations = 100, 100 }, gate.Sample, "budget of 100", time.Time{}},
		{"quota", func(s *setting) {
			s.a.Quotas = []gate.Limit{{Attribute: "plan", Value: "gold", Answers: 5}}
			s.m.Answers = func(a, v string) int { return map[string]int{"plan=gold": 5}[a+"="+v] }
		}, gate.Quota, "5 of those with plan gold", time.Time{}},
		{"another's quota", func(s *setting) {
			s.a.Quotas = []gate.Limit{{Attribute: "plan", Value: "basic", Answers: 5}}
			s.m.Answers = func(string, string) int { return 9 }
		}, gate.None, "", noon.Add(time.Hour)},
		{"unreachable", func(s *setting) { s.c.Reachable = []gate.Medium{gate.Webhook} }, gate.Channel, "by e-mail or text message", time.Time{}},
		{
			"in the evening", func(s *setting) { s.c.Now = noon.Add(7*time.Hour + 30*time.Minute) }, gate.None, "waits for 09:00",
			time.Date(2026, 11, 26, 9, 0, 0, 0, berlin),
		},
		{"in the evening, elsewhere", func(s *setting) {
			s.c.Now, s.c.Zone = noon.Add(7*time.Hour+30*time.Minute), time.FixedZone("New York", -5*3600)
		}, gate.None, "", noon.Add(8*time.Hour + 30*time.Minute)},
		{"links have no hours", func(s *setting) { s.a.Media, s.c.Now = []gate.Medium{gate.Link}, noon.Add(11*time.Hour) }, gate.None, "", noon.Add(12 * time.Hour)},
		{"the first gate is the reason", func(s *setting) {
			s.a.Held, s.c.Seen, s.p.OptedOut, s.c.Reachable = "The survey is closed.", "It was decided about.", true, nil
		}, gate.Survey, "closed", time.Time{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := &setting{survey(), rules(), reached(), &gate.Person{}, unused()}
			x.set(s)
			d := gate.Decide(s.a, s.r, s.c, s.p, s.m)
			if d.Gate != x.gate || !strings.Contains(d.Reason, x.reason) || x.reason == "" && d.Reason != "" || !d.Due.Equal(x.due) {
				t.Errorf("gate %d, %q, due %v; want %d, %q, %v", d.Gate, d.Reason, d.Due, x.gate, x.reason, x.due)
			}
			if (d.Gate == gate.None) != (d.Medium != 0) {
				t.Errorf("gate %d with medium %d", d.Gate, d.Medium)
			}
		})
	}
}

// A sample of a share is about that share, the same for the same seed, another for another, and grows with the share: who is in a
// smaller sample is in a larger one.
func TestSampleIsReproducible(t *testing.T) {
	in := func(share float64, seed uint64, n int) (all []bool) {
		a := survey()
		a.Sampling = gate.Sampling{Share: share, Seed: seed}
		for i := range n {
			c := reached()
			c.Invitation = [16]byte{byte(i), byte(i >> 8), 3}
			all = append(all, gate.Decide(a, rules(), c, &gate.Person{}, unused()).Gate == gate.None)
		}
		return all
	}
	count := func(all []bool) (n int) {
		for _, x := range all {
			if x {
				n++
			}
		}
		return n
	}
	const n = 20000
	fifth, again, half, other := in(0.2, 1, n), in(0.2, 1, n), in(0.5, 1, n), in(0.2, 2, n)
	if k := count(fifth); k < 3800 || k > 4200 {
		t.Errorf("a fifth of %d is %d", n, k)
	}
	same := 0
	for i := range fifth {
		if fifth[i] != again[i] {
			t.Fatal("the same seed chose others")
		}
		if fifth[i] && !half[i] {
			t.Fatal("a larger sample lacks one of a smaller")
		}
		if fifth[i] && other[i] {
			same++
		}
	}
	if same > 1000 {
		t.Errorf("another seed chose %d of the same", same)
	}
}

// Whatever came before, nobody is asked sooner or more often than the clocks allow, and messages leave within their hours.
func TestClocksHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, r := survey(), rules()
		r.Days, r.AYear = rapid.IntRange(1, 60).Draw(rt, "days"), rapid.IntRange(1, 6).Draw(rt, "a year")
		a.Days, a.GroupDays = rapid.IntRange(1, 120).Draw(rt, "survey days"), rapid.IntRange(1, 120).Draw(rt, "group days")
		a.Delay = rapid.Bool().Draw(rt, "delay")
		p := &gate.Person{}
		now := noon
		for range rapid.IntRange(1, 40).Draw(rt, "interactions") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40*24*60).Draw(rt, "minutes later")) * time.Minute)
			c := reached()
			c.Now, c.Delay = now, time.Duration(rapid.IntRange(0, 300).Draw(rt, "delay minutes"))*time.Minute
			d := gate.Decide(a, r, c, p, unused())
			if d.Gate != gate.None {
				continue
			}
			if h := d.Due.In(berlin).Hour(); h < 9 || h >= 20 {
				rt.Fatalf("due at %v", d.Due)
			}
			year := 0
			for _, x := range p.Asked {
				if since := d.Due.Sub(x.At); since < time.Duration(max(r.Days, a.Days))*24*time.Hour {
					rt.Fatalf("asked again after %v", since)
				} else if since < 365*24*time.Hour {
					year++
				}
			}
			if year >= r.AYear {
				rt.Fatalf("asked %d times before in a year of at most %d", year, r.AYear)
			}
			p.Asked = append(p.Asked, gate.Asked{Survey: a.ID, Group: a.Group, At: d.Due})
		}
	})
}
