package journal

import "os"

// OpenUnrecovered opens a device that can't be read back.
func OpenUnrecovered(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: file, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go j.write()
	return j, nil
}
