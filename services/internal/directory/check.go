package directory

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"time"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Check says what is wrong with a directory of the organisation whose map is m. Fields are paths in a PutDirectoryRequest.
// Messages name holders by their ids and quote no name or address: what is said of a directory may be kept elsewhere.
func Check(d *directoryv1.Directory, m *expmap.Map) []fault.Violation {
	c := &checker{holders: make(map[string]*directoryv1.Holder, len(d.GetHolders())), roles: Roles(m)}
	if d.GetOrganisation() != m.Organisation {
		c.add("organisation", fmt.Sprintf("The map is of %q, the directory of %q.", m.Organisation, d.GetOrganisation()), "Give both the same organisation.")
	}
	for i, h := range d.GetHolders() {
		c.holder("holders["+strconv.Itoa(i)+"]", h)
	}
	c.holdings(d.GetHoldings())
	return c.problems
}

// checker collects problems.
type checker struct {
	problems []fault.Violation
	holders  map[string]*directoryv1.Holder
	roles    map[string]struct{}
}

func (c *checker) add(field, message, remedy string) {
	c.problems = append(c.problems, fault.Violation{Field: "directory." + field, Message: message, Remedy: remedy})
}

var idRule = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

func (c *checker) holder(at string, h *directoryv1.Holder) {
	id := h.GetId()
	if !idRule.MatchString(id) {
		c.add(at+".id", "It is no id.", "Use 1 to 64 of a-z 0-9 - and _, beginning with a letter.")
	} else if c.holders[id] != nil {
		c.add(at+".id", fmt.Sprintf("The holder %q is listed twice.", id), "Join the two, or give one another id.")
	}
	c.holders[id] = h
	if z := h.GetZone(); z != "" {
		// "Local" would mean another zone on every machine.
		if _, err := time.LoadLocation(z); err != nil || z == "Local" {
			c.add(at+".zone", fmt.Sprintf("The zone %q is not known.", z), "Write an IANA time zone such as Europe/Berlin, or leave it out for the organisation's.")
		}
	}
	c.hours(at+".hours", h.GetHours())
	if len(h.GetWays()) == 0 {
		c.add(at+".ways", fmt.Sprintf("There is no way to reach the holder %q.", id), "Add an e-mail address, a telephone number, a chat or a webhook.")
	}
	for i, w := range h.GetWays() {
		c.way(at+".ways["+strconv.Itoa(i)+"]", w)
	}
}

var (
	emailRule = regexp.MustCompile(`^[^@\s<>,;]+@[^@\s<>,;]+$`)
	phoneRule = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	chatRule  = regexp.MustCompile(`^[#@]\S+$`)
)

func (c *checker) way(at string, w *directoryv1.Way) {
	address := w.GetAddress()
	refuse := func(what, remedy string) { c.add(at+".address", "It is no "+what+".", remedy) }
	switch w.GetKind() {
	case directoryv1.WayKind_WAY_KIND_EMAIL:
		if !emailRule.MatchString(address) {
			refuse("e-mail address", "Write one address with an @, without a name.")
		}
	case directoryv1.WayKind_WAY_KIND_PHONE, directoryv1.WayKind_WAY_KIND_SMS:
		if !phoneRule.MatchString(address) {
			refuse("telephone number in E.164", "Write + and 7 to 15 digits, without spaces.")
		}
	case directoryv1.WayKind_WAY_KIND_CHAT:
		if !chatRule.MatchString(address) {
			refuse("channel or person of a chat", `Write it as "#care" or "@ana".`)
		}
	case directoryv1.WayKind_WAY_KIND_WEBHOOK:
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			refuse("URL of a webhook", "Write it from https:// on, without user and password.")
		}
	default:
		c.add(at+".kind", "It is no kind of way.", "Use email, phone, sms, chat or webhook.")
	}
}
