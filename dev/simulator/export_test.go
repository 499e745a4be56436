package simulator

// Hanging counts the timeouts that have been played.
func Hanging(s *Simulator) int {
	s.bank.mu.Lock()
	defer s.bank.mu.Unlock()
	return len(s.bank.attempts)
}
