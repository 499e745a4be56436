package channel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"orderflow.example/notifier/internal/notifier"
)

// EmailConfig says which SMTP server takes the mails.
type EmailConfig struct {
	Addr     string // host:port
	From     string
	Username string // none: no authentication
	Password string
	TLS      string        // "none", "starttls" or "tls"
	Timeout  time.Duration // of one try
	Sessions int           // SMTP sessions kept open
}

// Email sends by SMTP. Sessions stay open between mails, because a session costs more than a mail.
type Email struct {
	from     string
	client   *mail.Client
	step     time.Duration
	sessions chan *smtp.Client // nil stands for a session still to be opened
}

// steps of a try: a look at the session, a connection, its greeting, the mail. The SMTP client bounds each, not their sum.
const steps = 4

// NewEmail checks the configuration; it opens no connection yet.
func NewEmail(cfg EmailConfig) (*Email, error) {
	host, portText, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("SMTP_ADDR=%q: must be host:port", cfg.Addr)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("SMTP_ADDR=%q: the port must be a number", cfg.Addr)
	}
	if err := mail.NewMsg().From(cfg.From); err != nil {
		return nil, fmt.Errorf("SMTP_FROM=%q: must be a mail address", cfg.From)
	}
	if (cfg.Username == "") != (cfg.Password == "") {
		return nil, errors.New("SMTP_USERNAME and SMTP_PASSWORD go together: set both or none")
	}
	step := cfg.Timeout / steps
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(step), mail.WithoutNoop()}
	switch cfg.TLS {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case "starttls":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case "tls":
		options = append(options, mail.WithSSL())
	default:
		return nil, fmt.Errorf("SMTP_TLS=%q: must be none, starttls or tls", cfg.TLS)
	}
	if cfg.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(cfg.Username), mail.WithPassword(cfg.Password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("SMTP_ADDR=%q: %w", cfg.Addr, err)
	}
	e := &Email{from: cfg.From, client: client, step: step, sessions: make(chan *smtp.Client, cfg.Sessions)}
	for range cfg.Sessions {
		e.sessions <- nil
	}
	return e, nil
}

// Name is "email".
func (e *Email) Name() string { return "email" }

// Addresses is the customer's mail address, when the fact names one.
func (e *Email) Addresses(fact notifier.Fact) []notifier.Address {
	if fact.Email == "" {
		return nil
	}
	return []notifier.Address{{Channel: e.Name(), Recipient: fact.Email}}
}

// Send hands one mail to the server. Its Message-ID is made of the delivery, so that a mail sent twice, in the crash
// window that SMTP leaves open, can be recognised.
func (e *Email) Send(ctx context.Context, letter Letter) error {
	msg, err := e.message(letter)
	if err != nil {
		return err
	}
	var session *smtp.Client
	select {
	case session = <-e.sessions:
	case <-ctx.Done():
		return failed(ctx.Err(), "no connection to the SMTP server was free in time")
	}
	session, err = e.send(ctx, session, msg)
	e.sessions <- session
	return err
}

// send uses the session, or a new one where it is gone, and answers with the session to keep: none after a failure,
// because what state it left is unknown.
func (e *Email) send(ctx context.Context, session *smtp.Client, msg *mail.Msg) (*smtp.Client, error) {
	if session != nil && !e.alive(session) {
		_ = session.Close() // the server closed it while it was idle
		session = nil
	}
	if session == nil {
		var err error
		if session, err = e.client.DialToSMTPClientWithContext(ctx); err != nil {
			return nil, failed(err, "the SMTP server could not be reached")
		}
	}
	err := e.client.SendWithSMTPClient(session, msg)
	if err == nil {
		return session, nil
	}
	_ = session.Close() // what became of the mail is what counts
	if msg.IsDelivered() {
		return nil, nil // the server took it, and failed only afterwards
	}
	return nil, classify(err)
}

func (e *Email) alive(session *smtp.Client) bool {
	return session.UpdateDeadline(e.step) == nil && session.Noop() == nil
}

// classify keeps the server's code and drops its text, which may repeat the recipient. Only what the server says of
// this recipient or this mail is a refusal: one of the sender is for an operator to mend.
func classify(err error) error {
	var answer *mail.SendError
	if !errors.As(err, &answer) || answer.ErrorCode() == 0 {
		return failed(nil, "the connection to the SMTP server failed")
	}
	ofThisMail := answer.Reason == mail.ErrSMTPRcptTo || answer.Reason == mail.ErrSMTPData || answer.Reason == mail.ErrSMTPDataClose
	return &Failure{
		Text:    fmt.Sprintf("the SMTP server answered %d", answer.ErrorCode()),
		Refused: ofThisMail && !answer.IsTemp() && answer.ErrorCode() >= 500,
	}
}

func (e *Email) message(letter Letter) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(e.from); err != nil {
		return nil, refused("the sender is not a mail address")
	}
	if err := msg.To(letter.Recipient); err != nil {
		return nil, refused("the recipient is not a mail address")
	}
	msg.Subject(letter.Message.Subject)
	msg.SetMessageIDWithValue(letter.DeliveryID + "@orderflow.example")
	msg.SetDateWithValue(letter.Fact.OccurredAt)
	msg.SetBodyString(mail.TypeTextPlain, letter.Message.Body)
	return msg, nil
}

// Close ends the sessions. Call it when no Send is under way.
func (e *Email) Close() error {
	for range cap(e.sessions) {
		if session := <-e.sessions; session != nil {
			_ = session.UpdateDeadline(time.Second)   // a session that can't have one ends at once
			_ = e.client.CloseWithSMTPClient(session) // every mail was answered; how a session ends changes nothing
		}
	}
	return nil
}
