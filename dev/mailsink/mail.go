package mailsink

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Mail is a mail as it was received, with its encodings undone.
type Mail struct {
	ReceivedAt time.Time           `json:"received_at"`
	From       string              `json:"from"` // of the envelope
	To         []string            `json:"to"`   // of the envelope
	MessageID  string              `json:"message_id"`
	Subject    string              `json:"subject"`
	Headers    map[string][]string `json:"headers"`
	Text       string              `json:"text"`
	HTML       string              `json:"html,omitempty"`
}

// Header is the first value of a header, whatever the case of its name; empty when there is none.
func (m Mail) Header(name string) string {
	if values := m.Headers[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// read parses a mail. Its errors are answers for the client: what is no mail is refused for good.
func read(r io.Reader) (Mail, error) {
	parsed, err := mail.ReadMessage(r)
	if err != nil {
		return Mail{}, notAMail(r, err)
	}
	out := Mail{Headers: map[string][]string{}}
	var words mime.WordDecoder
	for name, values := range parsed.Header {
		for _, value := range values {
			if decoded, err := words.DecodeHeader(value); err == nil {
				value = decoded // else it is kept as it came
			}
			out.Headers[name] = append(out.Headers[name], value)
		}
	}
	out.Subject, out.MessageID = out.Header("Subject"), out.Header("Message-Id")
	if err := out.addBody(textproto.MIMEHeader(parsed.Header), parsed.Body); err != nil {
		return Mail{}, notAMail(r, err)
	}
	return out, nil
}

// notAMail passes on the server's own errors, such as that the mail is too large.
func notAMail(rest io.Reader, err error) error {
	var refusal *smtp.SMTPError
	if errors.As(err, &refusal) {
		return refusal
	}
	if _, err := io.Copy(io.Discard, rest); err != nil { // the connection goes on behind the mail
		return err
	}
	return errNoMail
}

// addBody collects the text and HTML of a part and of the parts inside it; attachments are passed over.
func (m *Mail) addBody(header textproto.MIMEHeader, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain" // what RFC 2045 says of a missing or a bad type
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.addParts(multipart.NewReader(body, params["boundary"]))
	}
	content, err := io.ReadAll(decoded(header.Get("Content-Transfer-Encoding"), body))
	if err != nil {
		return err
	}
	disposition, _, _ := strings.Cut(header.Get("Content-Disposition"), ";")
	switch {
	case strings.EqualFold(strings.TrimSpace(disposition), "attachment"):
	case kind == "text/plain":
		m.Text += strings.ReplaceAll(string(content), "\r\n", "\n")
	case kind == "text/html":
		m.HTML += strings.ReplaceAll(string(content), "\r\n", "\n")
	}
	return nil
}

func (m *Mail) addParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if err := m.addBody(part.Header, part); err != nil {
			return err
		}
	}
}

func decoded(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(encoding) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body) // it passes over line ends
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	default:
		return body
	}
}
