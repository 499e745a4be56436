package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
)

// recoverRecords replays the file and leaves its offset after the last whole record.
func recoverRecords(file *os.File, replay func([]byte) error) error {
	reader := bufio.NewReaderSize(file, 1<<16)
	var whole int64
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		record, ok := parseRecord(line)
		if !ok {
			if len(line) > 0 {
				if err := refuseDamage(file, reader, whole); err != nil {
					return err
				}
			}
			break
		}
		if err := replay(record); err != nil {
			return fmt.Errorf("%s: record at byte %d: %w", file.Name(), whole, err)
		}
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		return err
	}
	_, err := file.Seek(whole, io.SeekStart)
	return err
}

// refuseDamage tells a torn tail, which may be cut off, from damage with good records behind it, which may not.
func refuseDamage(file *os.File, reader *bufio.Reader, at int64) error {
	for {
		line, err := reader.ReadBytes('\n')
		if _, ok := parseRecord(line); ok {
			return fmt.Errorf("%s: damaged at byte %d, with good records after it", file.Name(), at)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func parseRecord(line []byte) ([]byte, bool) {
	body, ended := bytes.CutSuffix(line, []byte{'\n'})
	if !ended || len(body) < 9 || body[8] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(body[:8]), 16, 32)
	if err != nil || crc32.Checksum(body[9:], crcTable) != uint32(sum) {
		return nil, false
	}
	return body[9:], true
}
