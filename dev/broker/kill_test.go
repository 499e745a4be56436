package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"

	"orderflow.example/dev/broker"
)

// A broker in a process of its own is stopped, started, and then killed, while one producer sends. All that was acknowledged is
// there afterwards, the group goes on where it was, and the same producer delivers the rest.
// (A record whose acknowledgement the kill swallowed may be there twice: consumers skip it by its sequence.)
func TestKilledBrokerLosesNothing(t *testing.T) {
	dir, addr := t.TempDir(), freeAddr(t)
	stop := startChild(t, dir, addr)
	producer := newProducer(t, addr)
	defer producer.Close()
	for n := range 50 {
		send(t, producer, n)
	}
	for range 50 {
		delivered(t, producer)
	}
	if got := consume(t, addr, 50); len(got) != 50 {
		t.Fatalf("consumed %d of 50", len(got))
	}
	stop(os.Interrupt)

	const last = 5000
	stop = startChild(t, dir, addr)
	for n := 50; n < last; n++ {
		send(t, producer, n)
	}
	for range 500 {
		delivered(t, producer)
	}
	stop(os.Kill)

	stop = startChild(t, dir, addr)
	defer stop(os.Kill)
	for range last - 50 - 500 {
		delivered(t, producer)
	}
	got := consume(t, addr, last-50)
	for n := 50; n < last; n++ {
		if !got[value(n)] {
			t.Fatalf("record %d, acknowledged, is missing", n)
		}
	}
}

// startChild runs this test binary as a broker and returns what ends it.
func startChild(t *testing.T, dir, addr string) (stop func(os.Signal)) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "BROKER_TEST_CHILD_DIR="+dir, "BROKER_TEST_CHILD_ADDR="+addr)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready") {
		t.Fatalf("the child broker said %q: %v", line, err)
	}
	return func(signal os.Signal) {
		if err := child.Process.Signal(signal); err != nil {
			t.Error(err)
		}
		if err := child.Wait(); (err == nil) != (signal == os.Interrupt) {
			t.Errorf("the child ended with %v after %s", err, signal)
		}
	}
}

func runChild(dir, addr string) {
	b, err := broker.Start(context.Background(), broker.Config{Addr: addr, DataDir: dir, Topics: []broker.Topic{events}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready", b.Addr())
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	<-interrupted
	if err := b.Close(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}
