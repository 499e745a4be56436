package mailsink_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow.example/dev/mailsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg mailsink.Config) *mailsink.Sink {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	s, err := mailsink.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func plain(id string) string {
	return crlf("From: shop@example.com", "To: u1@example.com", "Message-ID: <"+id+">", "Subject: Order", "", "Hello")
}

func send(s *mailsink.Sink, body string, to ...string) error {
	return smtp.SendMail(s.Addr(), nil, "shop@example.com", to, []byte(body))
}

func byID(id string) func(mailsink.Mail) bool {
	return func(m mailsink.Mail) bool { return m.MessageID == "<"+id+">" }
}

func TestMailsAreDecoded(t *testing.T) {
	s := start(t, mailsink.Config{})
	err := send(s, crlf(
		"From: shop@example.com", "To: u1@example.com", "Message-ID: <m1@shop>", "X-Order-Id: o1",
		"Subject: =?utf-8?q?=EC=A3=BC=EB=AC=B8_?= =?utf-8?b?7ZmV7KCV?=", "MIME-Version: 1.0",
		`Content-Type: multipart/mixed; boundary="outer"`, "",
		"--outer", `Content-Type: multipart/alternative; boundary="inner"`, "",
		"--inner", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", "=EA=B0=90=EC=82=AC=", "=ED=95=A9=EB=8B=88=EB=8B=A4",
		"--inner", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "", "PGI+7ZmV", "7KCVPC9iPg==",
		"--inner--",
		"--outer", "Content-Type: text/plain", "Content-Disposition: attachment; filename=a.txt", "", "not the text",
		"--outer--"), "u1@example.com", "copy@example.com")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := s.Wait(ctx, func(m mailsink.Mail) bool { return m.Header("x-order-id") == "o1" })
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "주문 확정" || m.Text != "감사합니다" || m.HTML != "<b>확정</b>" || m.MessageID != "<m1@shop>" || m.From != "shop@example.com" ||
		!reflect.DeepEqual(m.To, []string{"u1@example.com", "copy@example.com"}) || m.ReceivedAt.IsZero() {
		t.Fatalf("mail %+v", m)
	}
}

func TestNothingIsDeduplicatedAndAllSurvives(t *testing.T) {
	dir := t.TempDir()
	s := start(t, mailsink.Config{DataDir: dir})
	for range 2 {
		if err := send(s, plain("same"), "u1@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if s.Count() != 2 {
		t.Fatalf("kept %d", s.Count())
	}
	again := start(t, mailsink.Config{DataDir: dir}) // as after kill -9
	if again.Count() != 2 || !reflect.DeepEqual(again.All(), s.All()) || again.All()[0].Text != "Hello\n" {
		t.Fatalf("read back %+v", again.All())
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, mailsink.Config{})
	for i, c := range []struct {
		to   string
		code int // 0: taken
	}{
		{"bounce@example.com", 550}, {"Bounce-7@example.com", 550}, {"busy@example.com", 451}, {"busy@example.com", 451},
		{"busy-once@example.com", 451}, {"busy-once@example.com", 0}, {"busy-once-2@example.com", 451}, {"Busy-Once-2@example.com", 0}, {"u1@example.com", 0},
	} {
		expectCode(t, send(s, plain("r"), c.to), c.code)
		if t.Failed() {
			t.Fatalf("number %d, %s", i, c.to)
		}
	}
	if s.Count() != 3 || s.Refused() != 6 {
		t.Fatalf("kept %d, refused %d", s.Count(), s.Refused())
	}
	s.SetUnavailable(true)
	expectCode(t, send(s, plain("r"), "u1@example.com"), 451)
	s.SetUnavailable(false)
	expectCode(t, send(s, plain("r"), "u1@example.com"), 0)
}

func TestWhatIsNoMailIsRefusedAndTheConnectionGoesOn(t *testing.T) {
	s := start(t, mailsink.Config{})
	client, err := smtp.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		body string
		code int
	}{
		{"no header at all", 554},
		{crlf("Content-Type: multipart/mixed; boundary=x", "", "--x", "no end"), 554},
		{crlf("Content-Transfer-Encoding: base64", "", "!!!"), 554},
		{plain("large") + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 10<<10+500), 552},
		{plain("good"), 0},
	} {
		expectCode(t, client.Mail("shop@example.com"), 0)
		expectCode(t, client.Rcpt("u1@example.com"), 0)
		w, err := client.Data()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, c.body); err != nil {
			t.Fatal(err)
		}
		expectCode(t, w.Close(), c.code)
		expectCode(t, client.Reset(), 0)
	}
	if err := client.Quit(); err != nil {
		t.Fatal(err)
	}
	if all := s.All(); len(all) != 1 || !byID("good")(all[0]) {
		t.Fatalf("kept %+v", all)
	}
}

func TestTheListing(t *testing.T) {
	s := start(t, mailsink.Config{})
	if err := send(s, plain("listed"), "u1@example.com"); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.URL() + "/messages?limit=1")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(raw), `"message_id": "<listed>"`) {
		t.Fatalf("answered %d %s %v", resp.StatusCode, raw, err)
	}
}

func TestStartErrorsNameTheCulprit(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := taken.Addr().String()
	for name, c := range map[string]struct {
		cfg  mailsink.Config
		want string
	}{
		"SMTP port in use": {mailsink.Config{Addr: addr, DataDir: t.TempDir()}, addr},
		"HTTP port in use": {mailsink.Config{HTTPAddr: addr, DataDir: t.TempDir()}, addr},
		"not a directory":  {mailsink.Config{DataDir: filepath.Join(file, "sub")}, file},
		"none given":       {mailsink.Config{}, "DataDir"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mailsink.Start(c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q does not name %s in one line", err, c.want)
			}
		})
	}
}

func expectCode(t *testing.T, err error, code int) {
	t.Helper()
	var answer *textproto.Error
	switch {
	case code == 0 && err != nil:
		t.Errorf("refused: %v", err)
	case code != 0 && (!errors.As(err, &answer) || answer.Code != code):
		t.Errorf("error %v, want %d", err, code)
	}
}
