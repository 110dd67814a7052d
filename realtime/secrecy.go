package realtime

import (
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
)

// kept is a secret as one version of its case has it, nil where the case has none.
type kept struct {
	version int64
	secret  *dispatch.Secret
	heard   time.Time
}

// hide adds the secrets that hide where a patrol is. Almost always there are none.
func (x *Index) hide(s Standing) Standing {
	if len(x.secrets) == 0 || !s.Placed {
		return s
	}
	for _, k := range x.secrets {
		if k.secret != nil && k.secret.HidesNow(s.Patrol, s.Point) {
			s.secrets = append(s.secrets, *k.secret)
		}
	}
	return s
}

// SetSecrets takes over what was secret when the record was asked; SetSecret what one
// change of a case makes of it. An older version than the one known changes nothing, nor
// does the record what was heard of after it was asked. Both answer the patrols whose
// place others may see now, or no more.
func (x *Index) SetSecrets(all []Secret, asked time.Time) (changed []Standing) {
	for i := range all {
		changed = append(changed, x.SetSecret(all[i].Case, all[i].Version, &all[i].Secret)...)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, k := range x.secrets {
		if k.heard.Before(asked) && !slices.ContainsFunc(all, func(s Secret) bool { return s.Case == id }) {
			delete(x.secrets, id)
			changed = append(changed, x.sent(k.secret)...)
		}
	}
	return changed
}

// sent answers the patrols of a secret.
func (x *Index) sent(secret *dispatch.Secret) (out []Standing) {
	if secret == nil {
		return nil
	}
	for _, errand := range secret.Sent {
		if number := x.numberOf(errand.Patrol); number != 0 {
			out = append(out, x.at(number, nanos(x.now())))
		}
	}
	return out
}

// SetSecret is described with SetSecrets; a nil secret is a case that is not covert.
func (x *Index) SetSecret(id dispatch.CaseID, version int64, secret *dispatch.Secret) (changed []Standing) {
	x.mu.Lock()
	defer x.mu.Unlock()
	was, known := x.secrets[id]
	if known && version <= was.version || !known && secret == nil {
		return nil
	}
	x.secrets[id] = kept{version, secret, x.now()}
	return append(x.sent(was.secret), x.sent(secret)...)
}

// Commands says whether an account commands a covert case.
func (x *Index) Commands(v dispatch.Viewer) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, k := range x.secrets {
		if k.secret != nil && k.secret.CommandedBy(v) {
			return true
		}
	}
	return false
}
