package bus

import (
	"strconv"
	"strings"
)

// Streams. Their subjects are a documented contract: services/ARCHITECTURE.md.
const (
	StreamFact    = "TS_FACT"    // ts.fact.<organisation>.<partition>: recorded facts, one order
	StreamParked  = "TS_PARKED"  // ts.parked.<stream>.<sequence>: messages that could not be processed
	StreamRefused = "TS_REFUSED" // ts.refused.<organisation>.<source>: what ingest refused, the last of each source
	StreamNative  = "TS_NATIVE"  // ts.native.<organisation>.<source>: events of native records, as they came
	StreamMap     = "TS_MAP"     // ts.map.<organisation>: every version of every map
	// StreamDirectory holds ts.directory.<organisation>: who holds which role, as it is now.
	StreamDirectory = "TS_DIRECTORY"
	StreamAudit     = "TS_AUDIT" // ts.audit.<organisation>: who read or did what is confidential
	// StreamSealed holds ts.sealed.<organisation>: before when its history is sealed.
	StreamSealed = "TS_SEALED"
	// StreamSurvey holds ts.survey.<organisation>.<partition>: who was asked what, and what was answered, in one order.
	StreamSurvey = "TS_SURVEY"
	// StreamForgotten holds ts.forgotten.<organisation>: keyed hashes of customers who were forgotten, for services that keep keys
	// of their own.
	StreamForgotten = "TS_FORGOTTEN"

	BucketKey    = "TS_KEY"    // hashes of API keys
	BucketCursor = "TS_CURSOR" // how far imports have come
)

// Headers of messages.
const (
	// HeaderMap is the version of the organisation's map against which the facts of a message were checked.
	HeaderMap = "Touchstone-Map"
	// Headers of a parked message.
	headerStream   = "Touchstone-Parked-Stream"
	headerSubject  = "Touchstone-Parked-Subject"
	headerSequence = "Touchstone-Parked-Sequence"
	headerReason   = "Touchstone-Parked-Reason"
)

// NativeSubject is the subject of a source's native events.
func NativeSubject(organisation, source string) string {
	return "ts.native." + organisation + "." + source
}

// DirectorySubject is the subject of an organisation's directory.
func DirectorySubject(organisation string) string { return "ts.directory." + organisation }

// AuditSubject is the subject of an organisation's audit.
func AuditSubject(organisation string) string { return "ts.audit." + organisation }

// SealedSubject is the subject of what is sealed in an organisation.
func SealedSubject(organisation string) string { return sealedPrefix + organisation }

// SealedOrganisation returns the organisation of a subject of TS_SEALED; "" when it is none.
func SealedOrganisation(subject string) string {
	org, ok := strings.CutPrefix(subject, sealedPrefix)
	if !ok || strings.Contains(org, ".") {
		return ""
	}
	return org
}

const sealedPrefix = "ts.sealed."

// NativeSource returns whose events a subject of TS_NATIVE carries; ok is false when it is none.
func NativeSource(subject string) (organisation, source string, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || parts[0] != "ts" || parts[1] != "native" {
		return "", "", false
	}
	return parts[2], parts[3], true
}

// ForgottenSubject is the subject of an organisation's forgotten customers.
func ForgottenSubject(organisation string) string { return forgottenPrefix + organisation }

// ForgottenOrganisation returns the organisation of a subject of TS_FORGOTTEN.
func ForgottenOrganisation(subject string) string {
	return strings.TrimPrefix(subject, forgottenPrefix)
}

const forgottenPrefix = "ts.forgotten."

// SurveySubject is the subject of an organisation's surveys of one partition.
func SurveySubject(organisation string, partition int) string {
	return "ts.survey." + organisation + "." + strconv.Itoa(partition)
}

// FactOrganisation returns the organisation of a subject of TS_FACT; "" when it is none.
func FactOrganisation(subject string) string {
	parts := strings.Split(subject, ".")
	if len(parts) != 4 || parts[0] != "ts" || parts[1] != "fact" {
		return ""
	}
	return parts[2]
}
