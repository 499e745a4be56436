package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"orderflow.example/notifier/internal/notifier"
)

// WebhookConfig says where notifications are posted.
type WebhookConfig struct {
	URL         string
	Secret      string // "whsec_" and base64, as Standard Webhooks has it
	Timeout     time.Duration
	Connections int // kept open
}

// Webhook posts JSON, signed as Standard Webhooks says. Its webhook-id is the delivery's: the receiver can tell a
// second try from a second notification.
type Webhook struct {
	url    string
	signer *standardwebhooks.Webhook
	client *http.Client
}

// NewWebhook checks the configuration.
func NewWebhook(cfg WebhookConfig) (*Webhook, error) {
	target, err := url.Parse(cfg.URL)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, fmt.Errorf("WEBHOOK_URL=%q: must be an http or https URL", cfg.URL)
	}
	signer, err := standardwebhooks.NewWebhook(cfg.Secret)
	if err != nil || cfg.Secret == "" {
		return nil, errors.New("WEBHOOK_SECRET must be whsec_ and base64")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.Connections
	return &Webhook{url: cfg.URL, signer: signer, client: &http.Client{
		Transport: transport,
		Timeout:   cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a signed body goes where it was meant to go, and nowhere else
		},
	}}, nil
}

// Name is "webhook".
func (w *Webhook) Name() string { return "webhook" }

// Addresses is the one configured receiver.
func (w *Webhook) Addresses(notifier.Fact) []notifier.Address {
	return []notifier.Address{{Channel: w.Name(), Recipient: w.url}}
}

// payload is what the receiver gets. It carries no name and no address: the order id is enough to ask for them.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	OrderID     string `json:"orderId"`
	OrderNumber string `json:"orderNumber"`
	UserID      string `json:"userId"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Reason      string `json:"reason,omitempty"`
	Subject     string `json:"subject"`
}

// Send posts one notification. Any 2xx is success; 408, 425, 429 and 5xx are worth a retry; the rest is refused.
func (w *Webhook) Send(ctx context.Context, letter Letter) error {
	fact := letter.Fact
	body, err := json.Marshal(payload{Type: fact.Type, Timestamp: fact.OccurredAt, Data: data{
		OrderID: fact.OrderID, OrderNumber: fact.OrderNumber, UserID: fact.UserID, Amount: fact.Amount,
		Currency: fact.Currency, Reason: fact.Reason, Subject: letter.Message.Subject,
	}})
	if err != nil {
		return &Failure{Text: "the message could not be written", Refused: true, Cause: err}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, letter.Recipient, bytes.NewReader(body))
	if err != nil {
		return refused("the recipient is not a URL")
	}
	if err := w.sign(request, letter.DeliveryID, body); err != nil {
		return &Failure{Text: "the message could not be signed", Refused: true, Cause: err}
	}
	response, err := w.client.Do(request)
	if err != nil {
		return failed(withoutURL(err), "the receiver could not be reached or did not answer in time")
	}
	defer response.Body.Close()
	// Reading the rest lets the connection be used again; what it says does not matter.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	return judge(response)
}

func (w *Webhook) sign(request *http.Request, id string, body []byte) error {
	now := time.Now() // the receiver refuses signatures that are old by its own clock
	signature, err := w.signer.Sign(id, now, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
}

func judge(response *http.Response) error {
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	failure := &Failure{Text: fmt.Sprintf("the receiver answered %d", code)}
	switch {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		failure.RetryAfter = min(retryAfter(response.Header.Get("Retry-After"), time.Now()), longestWait)
	default:
		failure.Refused = true
	}
	return failure
}

// longestWait bounds what a receiver may ask for.
const longestWait = time.Hour

// retryAfter reads either form of RFC 9110, section 10.2.3: seconds or a date. 0: neither.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// withoutURL is the error of a call without its URL, which may hold a secret.
func withoutURL(err error) error {
	var call *url.Error
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}

// Close ends the idle connections.
func (w *Webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}
