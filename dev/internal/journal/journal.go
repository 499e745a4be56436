// Package journal is an append-only file of records that survive a crash: what a Commit has confirmed was fsynced.
// Records that arrive while the disk is busy are written and synced together.
package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
)

// ErrClosed is what the commits of records appended after Close answer.
var ErrClosed = errors.New("journal is closed")

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// Journal appends records to one file. All methods may be called concurrently.
type Journal struct {
	file *os.File

	mu      sync.Mutex
	pending []byte  // records not yet handed to the disk
	commit  *Commit // confirms pending; nil when there is none
	failed  error   // the first write error, or ErrClosed: final

	wake chan struct{} // has room for one signal: there is something pending, or the journal closes
	done chan struct{} // closed when the writer has ended
}

// Commit tells when the records of one group have reached the disk.
type Commit struct {
	done chan struct{}
	err  error
}

// Wait returns once the record is on disk, or with the error that kept it away. A nil Commit is on disk already.
func (c *Commit) Wait() error {
	if c == nil {
		return nil
	}
	<-c.done
	return c.err
}

// Open creates the file at path, with the directories above it, or calls replay for each of its records, oldest first.
// A half-written last record, left by a crash, is cut off: nobody was told that it was kept.
// A damaged record before the last one is an error that names the file and the byte.
func Open(path string, replay func(record []byte) error) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := recoverRecords(file, replay); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	j := &Journal{file: file, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go j.write()
	return j, nil
}

// Append queues a record, which must not contain a line feed, and returns at once. Records keep the order of the calls.
func (j *Journal) Append(record []byte) *Commit {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		refused := &Commit{done: make(chan struct{}), err: j.failed}
		close(refused.done)
		return refused
	}
	j.pending = appendRecord(j.pending, record)
	if j.commit == nil {
		j.commit = &Commit{done: make(chan struct{})}
		j.signal()
	}
	return j.commit
}

// Close writes what is pending and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	again := errors.Is(j.failed, ErrClosed)
	if j.failed == nil {
		j.failed = ErrClosed
		j.signal()
	}
	j.mu.Unlock()
	<-j.done
	if again {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(j.failed, ErrClosed) {
		return j.file.Close()
	}
	return errors.Join(j.failed, j.file.Close())
}

// signal wakes the writer; the caller holds mu.
func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default: // a signal that waits already covers this one
	}
}

func (j *Journal) write() {
	defer close(j.done)
	var spare []byte
	for range j.wake {
		j.mu.Lock()
		batch, commit, ending := j.pending, j.commit, j.failed != nil
		j.pending, j.commit = spare[:0], nil
		j.mu.Unlock()

		if commit != nil {
			commit.err = j.toDisk(batch)
			close(commit.done)
		}
		if ending {
			return
		}
		if commit != nil && commit.err != nil {
			j.fail(commit.err)
			return
		}
		spare = batch
	}
}

func (j *Journal) toDisk(batch []byte) error {
	if _, err := j.file.Write(batch); err != nil {
		return err
	}
	return j.file.Sync()
}

// fail refuses every later record: after a failed write nobody knows what the file's end looks like until it is opened anew.
func (j *Journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = err
	if j.commit != nil {
		j.commit.err = err
		close(j.commit.done)
		j.commit = nil
	}
}

func appendRecord(to, record []byte) []byte {
	to = fmt.Appendf(to, "%08x ", crc32.Checksum(record, crcTable))
	to = append(to, record...)
	return append(to, '\n')
}

// syncDir makes the file's name itself durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
