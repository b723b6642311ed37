package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// What publishers do wrong is answered with what is wrong and what to do, costs no neighbour, and is listed.
func TestMistakesOfPublishers(t *testing.T) {
	to := aim(t)
	const org = "mistakes"
	apply(t, to.Maps, traffic.Map(org))
	at := time.Now().Add(-time.Minute)
	good := func(id string) string { return event(org, id, 1, "interaction", callData(at, "10")) }

	t.Run("one bad event among good ones", func(t *testing.T) {
		bad := strings.Replace(good("b-2"), `"touchpoint": "call"`, `"touchpoint": "cal"`, 1)
		code, _, body := post(t, to.events, to.key, "application/cloudevents-batch+json", "["+good("b-1")+","+bad+","+good("b-3")+"]")
		var answer struct {
			Results []struct {
				Status  string
				Refusal struct{ Reason, Field, Message, Remedy string }
			}
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusMultiStatus || len(answer.Results) != 3 {
			t.Fatalf("answer %d %s (%v)", code, body, err)
		}
		r := answer.Results
		if r[0].Status != "recorded" || r[1].Status != "refused" || r[2].Status != "recorded" || !strings.HasSuffix(r[1].Refusal.Field, "touchpoint") || r[1].Refusal.Remedy == "" {
			t.Errorf("results %+v", r)
		}
	})
	t.Run("a body too large", func(t *testing.T) {
		if code, _, body := post(t, to.events, to.key, eventType, strings.Repeat(" ", 300<<10)); code != http.StatusRequestEntityTooLarge {
			t.Errorf("answer %d %s", code, body)
		}
	})
	t.Run("a wrong key", func(t *testing.T) {
		if code, _, body := post(t, to.events, "tsk_wrong_key", eventType, good("k-1")); code != http.StatusUnauthorized {
			t.Errorf("answer %d %s", code, body)
		}
		if code, _, body := post(t, to.events, "", eventType, good("k-1")); code != http.StatusUnauthorized {
			t.Errorf("without a key: answer %d %s", code, body)
		}
	})
	t.Run("an equal revision with other content", func(t *testing.T) {
		before := settled(t, to.Admin).GetConflicts()
		for _, wait := range []string{"10", "20"} {
			if code, _, body := post(t, to.events, to.key, eventType, event(org, "twice", 1, "interaction", callData(at, wait))); code != http.StatusOK {
				t.Fatalf("answer %d %s", code, body)
			}
		}
		if st := settled(t, to.Admin); st.GetConflicts() != before+1 {
			t.Errorf("%d conflicts, want %d", st.GetConflicts(), before+1)
		}
		list, err := to.Scores.ListFacts(t.Context(), &scorev1.ListFactsRequest{Organisation: org, Conflicts: true})
		if err != nil || len(list.GetFacts()) != 1 || list.GetFacts()[0].GetId() != "twice" {
			t.Errorf("facts in conflict: %v, %v", list, err)
		}
	})
	t.Run("the last refusals are listed", func(t *testing.T) {
		var list *adminv1.ListRefusedResponse
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
			var err error
			if list, err = to.Admin.ListRefused(t.Context(), &adminv1.ListRefusedRequest{Organisation: org, Source: "demo"}); err != nil {
				t.Fatal(err)
			}
			if len(list.GetRefused()) > 0 {
				break
			}
		}
		if len(list.GetRefused()) != 1 || list.GetRefused()[0].GetId() != "b-2" || list.GetRefused()[0].GetRefusal().GetRemedy() == "" {
			t.Errorf("refused: %v", list)
		}
	})
}

// A wrong question is answered with the field, what is wrong with it and what to do.
func TestMistakesOfReaders(t *testing.T) {
	to := aim(t)
	const org = "readers"
	apply(t, to.Maps, traffic.Map(org))
	for _, c := range []struct {
		name, field string
		ref         *scorev1.ScoreRef
		code        codes.Code
	}{
		{"no score", "ref.score", &scorev1.ScoreRef{Organisation: org}, codes.InvalidArgument},
		{"unknown score", "ref.score", &scorev1.ScoreRef{Organisation: org, Score: "wait.men"}, codes.InvalidArgument},
		{"unknown touchpoint", "ref.scope.touchpoint", &scorev1.ScoreRef{Organisation: org, Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "cal"}}, codes.InvalidArgument},
		{"no organisation", "", &scorev1.ScoreRef{Organisation: "nobody", Score: "wait.mean"}, codes.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: c.ref})
			st := status.Convert(err)
			if st.Code() != c.code {
				t.Fatalf("got %v", err)
			}
			if c.field == "" {
				return
			}
			for _, d := range st.Details() {
				if b, ok := d.(*errdetails.BadRequest); ok {
					for _, v := range b.GetFieldViolations() {
						if v.GetField() == c.field && v.GetDescription() != "" {
							return
						}
					}
				}
			}
			t.Errorf("no violation of %s in %v", c.field, fmt.Sprint(st.Details()))
		})
	}
}
