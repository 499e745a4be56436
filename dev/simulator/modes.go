package simulator

import "strings"

// mode is what goes wrong with an operation.
type mode string

const (
	modeOK           mode = "ok"
	modeDeclined     mode = "declined"
	modeInsufficient mode = "insufficient_funds"
	modeTimeout      mode = "timeout"
	mode500ThenOK    mode = "500_then_ok"
	modeSlow         mode = "slow"
	modeLostAnswer   mode = "lost_answer"
)

var modes = map[mode]bool{modeOK: true, modeDeclined: true, modeInsufficient: true, modeTimeout: true,
	mode500ThenOK: true, modeSlow: true, modeLostAnswer: true}

// parseToken says which kind of operation a card token disturbs, and how. The empty token disturbs nothing.
//
//	tok_<mode>                         the authorisation
//	tok_{capture,void,refund}_<mode>   that operation
func parseToken(token string) (kind string, how mode, ok bool) {
	if token == "" {
		return KindAuthorize, modeOK, true
	}
	rest, ok := strings.CutPrefix(token, "tok_")
	if !ok {
		return "", "", false
	}
	kind = KindAuthorize
	for _, k := range []string{KindCapture, KindVoid, KindRefund} {
		if after, found := strings.CutPrefix(rest, k+"_"); found {
			kind, rest = k, after
		}
	}
	return kind, mode(rest), modes[mode(rest)]
}

func modeOf(token, kind string) mode {
	disturbed, how, ok := parseToken(token)
	if !ok || disturbed != kind {
		return modeOK
	}
	return how
}

// refusal is the definite answer of the modes that have one.
func (m mode) refusal(kind string) *Error {
	switch {
	case m == modeInsufficient:
		return declined("insufficient_funds", "The card has insufficient funds.")
	case m == modeDeclined && kind == KindAuthorize:
		return declined("card_declined", "The card was declined.")
	case m == modeDeclined:
		return declined(kind+"_declined", "The "+kind+" was declined.")
	default:
		return nil
	}
}
