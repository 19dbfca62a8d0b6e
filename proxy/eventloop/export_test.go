package eventloop

// Rescues is how often a handler was found to hold up its loop.
func Rescues() (n uint64) {
	all, err := loops()
	if err != nil {
		return 0
	}
	for _, l := range all {
		n += l.rescues.Load()
	}
	return n
}
