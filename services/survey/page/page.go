// Package page is what respondents see: the survey of one invitation, one question a screen or all on one page, and the way
// out. It knows no bus, no clock and no protobuf: what is asked and what was saved comes from a Store.
//
//	GET  /s/{token}       shows; whatever its query says, it records nothing: mail scanners fetch links
//	POST /s/{token}       saves the answers of one screen, and ends the survey with the last
//	GET  /s/{token}/stop  asks whether to stop
//	POST /s/{token}/stop  stops, with one click as RFC 8058 has it
//
// The query of a link may name a language (lang) and a score (score), which only preselects the first question's answer.
// A token that is unknown, spent, expired or of a closed survey gets the same page.
package page

import (
	"context"
	"errors"
)

var (
	// ErrGone is a Store's answer to tokens that are unknown, expired, or of a survey that is closed.
	ErrGone = errors.New("survey: this link takes no answers")
	// ErrSpent is its answer to whoever would save or finish what is finished.
	ErrSpent = errors.New("survey: already answered")
)

// Store keeps invitations. All methods may be called at once, for one token too. Errors other than ErrGone and ErrSpent mean
// that the store cannot say now: the respondent is asked to try again. package pagetest holds what each must do.
type Store interface {
	// Open returns what a token's invitation asks and what was saved, also once it is finished; ErrGone for tokens that take no
	// answers. A token is any string up to MaxToken bytes. It takes the same time whether the token is known, as far as that can
	// be had: look it up by a keyed hash, compare nothing byte by byte.
	Open(ctx context.Context, token string) (*Invitation, error)
	// Save records the answers of one screen; those to other questions stay. It is durable when it returns nil. ErrSpent once
	// the invitation is finished.
	Save(ctx context.Context, token string, step Step) error
	// Finish records the last screen and ends the invitation. Of all calls for one token exactly one returns nil, the others
	// ErrSpent.
	Finish(ctx context.Context, token string, step Step) error
	// Allow records what the last page asked. It comes after Finish, and what was said last holds.
	Allow(ctx context.Context, token string, consent Consent) error
	// OptOut records that whoever holds the token wants no more invitations. It also takes tokens that are spent or expired.
	// ErrGone for those it never knew; the respondent is not told.
	OptOut(ctx context.Context, token string) error
}

// MaxToken is the most bytes of a token.
const MaxToken = 64

// Invitation is what one person is asked, and what they said so far.
type Invitation struct {
	// Survey, in the version in which this person was asked first. Shared: pages do not change it.
	Survey *Survey
	// Saved answers by question id. One that was skipped is there, without value and text.
	Saved Answers
	// Finished tells that the survey was answered to its end.
	Finished bool
	// Consent as given after the end; nil before.
	Consent *Consent
}

// Answers are answers by question id.
type Answers map[string]Answer

// Answer is the answer to one question; the zero value is a question that was skipped, or is no longer asked.
type Answer struct {
	// Points of the scale or values of choices: one, several for kind multiple, all in the respondent's order for a ranking.
	Values []int32
	// Text for kind text, at most MaxText bytes of UTF-8 with line feeds and no other control characters.
	Text string
}

// MaxText is the most bytes of a text.
const MaxText = 4096

// Step is what one POST brings.
type Step struct {
	// Answers that are new or changed, by question id. An empty one takes back what was saved.
	Answers Answers
	// Language in which it was asked, one of the survey's.
	Language string
	// LastSeen is the question that the respondent sees next, where those who stop have stopped; the last one at the end.
	LastSeen string
	// Device is phone, tablet, desktop or other.
	Device string
}

// Consent is what the respondent allows.
type Consent struct {
	// Contact allows to get in touch about the answers.
	Contact bool
	// Quote allows to quote the texts without a name.
	Quote bool
}
