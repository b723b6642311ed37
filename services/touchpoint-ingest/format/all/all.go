// Package all lists the native formats.
package all

import (
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnectevent"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnectrecord"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/asteriskami"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/asteriskcdr"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/asteriskcel"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/asteriskqueuelog"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/chatwoot"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formbricks"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/freeswitchcdr"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/freeswitchesl"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/freshdesk"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/genesysconversation"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/genesysevent"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/social"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/twiliotaskrouter"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/twiliovoice"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/typeform"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/zendesk"
)

// Formats returns every native format. A new one is a folder and a line here.
func Formats() []*format.Format {
	return []*format.Format{
		amazonconnectevent.Format(),
		amazonconnectrecord.Format(),
		asteriskami.Format(),
		asteriskcdr.Format(),
		asteriskcel.Format(),
		asteriskqueuelog.Format(),
		chatwoot.Format(),
		formbricks.Format(),
		freshdesk.Format(),
		genesysconversation.Format(),
		genesysevent.Format(),
		social.Format(),
		typeform.Format(),
		freeswitchcdr.Format(),
		freeswitchesl.Format(),
		twiliotaskrouter.Format(),
		twiliovoice.Format(),
		zendesk.Format(),
	}
}
