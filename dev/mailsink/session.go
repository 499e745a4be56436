package mailsink

import (
	"io"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

var (
	errBusy    = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Try again later"}
	errUnknown = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox"}
	errNoMail  = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "This is not a mail"}
)

// session receives the mails of one connection.
type session struct {
	sink *Sink
	from string
	to   []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.sink.refusal(to); err != nil {
		s.sink.refused.Add(1)
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	mail, err := read(r)
	if err != nil {
		return err
	}
	mail.From, mail.To, mail.ReceivedAt = s.from, s.to, time.Now().UTC()
	if err := s.sink.Add(mail); err != nil {
		return errBusy // the sender keeps the mail
	}
	return nil
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

// refusal decides by the beginning of the recipient's name:
//
//	bounce…     no such mailbox, for good (550)
//	busy-once…  not now (451), the first time for each address
//	busy…       not now (451), always
func (s *Sink) refusal(to string) *smtp.SMTPError {
	name, _, _ := strings.Cut(strings.ToLower(to), "@")
	switch {
	case s.down.Load():
		return errBusy
	case strings.HasPrefix(name, "bounce"):
		return errUnknown
	case strings.HasPrefix(name, "busy-once"):
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tried[strings.ToLower(to)] {
			return nil
		}
		s.tried[strings.ToLower(to)] = true
		return errBusy
	case strings.HasPrefix(name, "busy"):
		return errBusy
	default:
		return nil
	}
}
